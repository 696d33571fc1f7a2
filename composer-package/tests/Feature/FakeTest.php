<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\Factory;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Notifications\AnonymousNotifiable;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Notifications\NotificationServiceProvider;
use PHPUnit\Framework\AssertionFailedError;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Testing\Broadcast;
use Rustecho\Laravel\Tests\Support\LetterSent;
use Rustecho\Laravel\Tests\Support\OrderRenamed;
use Rustecho\Laravel\Tests\Support\OrderShipped;
use Rustecho\Laravel\Tests\Support\TestApp;
use Rustecho\Laravel\Tests\Support\TestProvider;

/** What the tests of an application can ask. */
final class FakeTest extends TestCase
{
    private TestApp $files;
    private Application $app;

    protected function setUp(): void
    {
        $this->files = new TestApp();
        // As the tests of most applications have it: nothing is broadcast.
        $this->files->configure('broadcasting', ['default' => 'null', 'connections' => ['null' => ['driver' => 'null']]]);
        $this->app = $this->files->boot([TestProvider::class, NotificationServiceProvider::class]);
        Rustecho::fake();
    }

    protected function tearDown(): void
    {
        Rustecho::clearResolvedInstances();
        $this->files->remove();
    }

    public function testNothingWasBroadcast(): void
    {
        Rustecho::assertNothingBroadcast();
        Rustecho::assertNotBroadcast(OrderShipped::class);
        $message = 'The expected [' . OrderShipped::class . '] event was not broadcast. Nothing was.';
        $this->fails($message, static function (): void {
            Rustecho::assertBroadcast(OrderShipped::class);
        });
    }

    public function testAnEventIsKnownByItsClass(): void
    {
        event(new OrderShipped(1, 'x'));

        Rustecho::assertBroadcast(OrderShipped::class);
        Rustecho::assertBroadcast(OrderShipped::class, 1);
        Rustecho::assertBroadcastTimes(OrderShipped::class, 1);
        Rustecho::assertNotBroadcast(OrderRenamed::class);
        $this->fails('Events were broadcast unexpectedly', static fn () => Rustecho::assertNothingBroadcast());
        $this->fails('unexpected', static fn () => Rustecho::assertNotBroadcast(OrderShipped::class));
        $this->fails('1 times instead of 2', static fn () => Rustecho::assertBroadcastTimes(OrderShipped::class, 2));
    }

    public function testAnEventIsKnownByItsNameAndByItsClass(): void
    {
        event(new OrderRenamed(1, 'x'));

        Rustecho::assertBroadcast('order.renamed');
        Rustecho::assertBroadcast('.order.renamed');
        Rustecho::assertBroadcast(OrderRenamed::class);
        Rustecho::assertNotBroadcast(OrderShipped::class);
    }

    public function testACallbackGetsTheEvent(): void
    {
        event(new OrderShipped(1, 'x'));

        Rustecho::assertBroadcast(OrderShipped::class, static fn (OrderShipped $event): bool => $event->id === 1);
        Rustecho::assertBroadcast(static fn (OrderShipped $event): bool => $event->title === 'x');
        Rustecho::assertNotBroadcast(OrderShipped::class, static fn (OrderShipped $event): bool => $event->id === 2);
        $data = ['id' => 1, 'title' => 'x'];
        Rustecho::assertBroadcast(static fn (OrderShipped $event, Broadcast $seen): bool => $seen->data === $data);
        $this->fails('as the callback wants it', static function (): void {
            Rustecho::assertBroadcast(static fn (OrderShipped $event): bool => $event->id === 2);
        });
    }

    public function testANotificationIsKnownByItsClass(): void
    {
        (new AnonymousNotifiable())->notifyNow(new LetterSent('dear'));

        Rustecho::assertBroadcast(LetterSent::class);
        Rustecho::assertBroadcast(static fn (LetterSent $letter, Broadcast $seen): bool => $seen->data['text'] === 'dear');
        Rustecho::assertBroadcast(static fn (BroadcastNotificationCreated $event): bool => $event->data['text'] === 'dear');
        Rustecho::assertBroadcastOn('private-people.9', LetterSent::class);
        Rustecho::assertNotBroadcast(OrderShipped::class);
    }

    public function testAChannelIsKnownByItsFullNameOrItsObject(): void
    {
        event(new OrderShipped(1, 'x'));

        Rustecho::assertBroadcastOn('private-orders.1');
        Rustecho::assertBroadcastOn(new PrivateChannel('orders.1'), OrderShipped::class);
        Rustecho::assertBroadcastOn('presence-room', static fn (OrderShipped $event): bool => $event->id === 1);
        $this->fails('No event was broadcast on [orders.1]', static fn () => Rustecho::assertBroadcastOn('orders.1'));
        $this->fails(
            'was not broadcast on [presence-room]',
            static fn () => Rustecho::assertBroadcastOn('presence-room', OrderRenamed::class),
        );
    }

    public function testToOthersIsSeen(): void
    {
        $this->app['request']->headers->set('X-Socket-ID', 'sender-1');

        broadcast(new OrderShipped(1, 'x'))->toOthers();

        self::assertSame('sender-1', Rustecho::broadcasts()->first()->socket);
    }

    public function testManyChannelsAreOneBroadcast(): void
    {
        $channels = array_map(static fn (int $n): string => "c.$n", range(1, 250));

        $this->app->make(Factory::class)->connection()->broadcast($channels, 'many', ['a' => 1]);

        Rustecho::assertBroadcastTimes('many', 1);
        self::assertCount(250, Rustecho::broadcasts('many')->first()->channels);
        $alone = static fn (Broadcast $seen): bool => $seen->event === null && $seen->data === ['a' => 1];
        Rustecho::assertBroadcast('many', $alone);
    }

    public function testWhatWouldFailInProductionFailsHere(): void
    {
        $this->expectException(BroadcastException::class);

        event(new OrderShipped(1, "\xB1\x31"));
    }

    /** @dataProvider overLimits */
    #[DataProvider('overLimits')]
    public function testWhatIsOverALimitInProductionIsHere(string $channel, string $name, int $bytes, string $says): void
    {
        $broadcaster = $this->app->make(Factory::class)->connection();
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage($says);

        $broadcaster->broadcast([$channel], $name, ['x' => str_repeat('x', $bytes)]);
    }

    /** @return array<string, array{string, string, int, string}> */
    public static function overLimits(): array
    {
        return [
            'data' => ['c', 'e', 10_485_760, 'e on c: the data has 10485768 bytes; the sidecar\'s limit is 10485760'],
            'a channel' => [str_repeat('c', 513), 'e', 1, 'the limit is 512 bytes'],
            'a name' => ['c', str_repeat('e', 513), 1, 'at most 512 bytes'],
        ];
    }

    /** @dataProvider registrations */
    #[DataProvider('registrations')]
    public function testChannelsAreAuthorisedAsBefore(bool $byTheApplication): void
    {
        $file = 'routes/channels.php';
        $channels = $byTheApplication ? '' : $file;
        $this->files->configure('rustecho', ['auth' => ['middleware' => 'auth:api', 'channels' => $channels]]);
        $this->files->write($file, '<?php use Illuminate\Support\Facades\Broadcast; '
            . "Broadcast::channel('orders.{id}', fn (\$user, \$id) => (int) \$user->id === (int) \$id, ['guards' => ['api']]);");
        $this->app = $this->files->boot();
        if ($byTheApplication) {
            require $this->files->folder . "/$file";
        }

        Rustecho::fake();

        self::assertSame([200, 'true'], $this->ask('private-orders.7'));
        self::assertSame(403, $this->ask('private-orders.8')[0]);
    }

    /** @return array<string, array{bool}> */
    public static function registrations(): array
    {
        return ['registered with the default broadcaster' => [true], 'left to the package' => [false]];
    }

    public function testASecondFakeBeginsAnew(): void
    {
        event(new OrderShipped(1, 'x'));

        Rustecho::fake();

        Rustecho::assertNothingBroadcast();
        event(new OrderShipped(1, 'x'));
        Rustecho::assertBroadcastTimes(OrderShipped::class, 1);
    }

    public function testAnAssertionWithoutAFakeSaysSo(): void
    {
        Rustecho::clearResolvedInstances();
        $this->expectException(\LogicException::class);
        $this->expectExceptionMessage('Call Rustecho::fake() before what is tested, then Rustecho::assertBroadcast().');

        Rustecho::assertBroadcast('order.renamed');
    }

    /** @return array{int, string} status and body */
    private function ask(string $channel): array
    {
        $server = ['HTTP_ACCEPT' => 'application/json', 'HTTP_AUTHORIZATION' => 'Bearer 7'];
        $request = Request::create('/broadcasting/auth', 'POST', ['channel_name' => $channel], [], [], $server);
        $response = $this->app->make(Kernel::class)->handle($request);

        return [$response->getStatusCode(), (string) $response->getContent()];
    }

    /** @param callable(): void $assertion */
    private function fails(string $message, callable $assertion): void
    {
        try {
            $assertion();
        } catch (AssertionFailedError $error) {
            self::assertStringContainsString($message, $error->getMessage());

            return;
        }
        self::fail("The assertion did not fail: $message");
    }
}
