<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Closure;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Foundation\Application;
use Illuminate\Notifications\AnonymousNotifiable;
use Illuminate\Notifications\NotificationServiceProvider;
use Illuminate\Queue\InvalidPayloadException;
use Illuminate\Queue\Queue;
use Illuminate\Support\Collection;
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\Attributes\DataProvider;
use ReflectionFunction;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Tests\Support\LetterQueued;
use Rustecho\Laravel\Tests\Support\LetterSent;
use Rustecho\Laravel\Tests\Support\OrderFile;
use Rustecho\Laravel\Tests\Support\OrderNote;
use Rustecho\Laravel\Tests\Support\OrderParts;
use Rustecho\Laravel\Tests\Support\OrderQueued;

/** The same mistakes in what goes through a queue, in notifications and in events without a class. */
final class BadQueuedInputTest extends PublishingTestCase
{
    protected static function providers(): array
    {
        return [NotificationServiceProvider::class];
    }

    /** @dataProvider data */
    #[DataProvider('data')]
    public function testQueuedDataThatIsNoGood(callable $data, string $says): void
    {
        $this->fails(static fn () => event(new OrderQueued($data())), OrderQueued::class . ' on orders: ', $says);
    }

    /** @dataProvider data */
    #[DataProvider('data')]
    public function testANotificationIsNamedByItsOwnClass(callable $data, string $says): void
    {
        $to = new AnonymousNotifiable();
        $this->fails(static fn () => $to->notifyNow(new LetterSent($data())), LetterSent::class, $says);
    }

    /** @dataProvider data */
    #[DataProvider('data')]
    public function testAnAnonymousEvent(callable $data, string $says): void
    {
        if (! method_exists(BroadcastManager::class, 'on')) {
            self::assertLessThan(11, (int) Application::VERSION);

            return;
        }
        $send = static fn () => Broadcast::on('orders')->as('order.some')->with(['x' => $data()])->send();
        $this->fails($send, \Illuminate\Broadcasting\AnonymousEvent::class, $says);
    }

    /** @return array<string, array{callable(): mixed, string}> */
    public static function data(): array
    {
        return [
            'not UTF-8' => [static fn (): string => "\xFF", 'is not UTF-8'],
            'not UTF-8, deep down' => [static fn (): array => [1, ['a' => "\xFF"]], 'has something in it that is not UTF-8'],
            'a key that is not UTF-8' => [static fn (): array => ["\xFF" => 1], 'has something in it that is not UTF-8'],
            'a resource' => [static fn () => STDIN, 'is a resource'],
            'a closed resource' => [static function () {
                fclose($file = tmpfile());

                return $file;
            }, 'is a resource'],
        ] + self::objects() + self::unfit();
    }

    /** @return array<string, array{callable(): mixed, string}> */
    private static function objects(): array
    {
        $text = 'has something in it that is not UTF-8';
        $resource = 'has something in it that is a resource';

        return [
            'a Collection of no UTF-8' => [static fn (): object => new Collection([1, ["\xFF"]]), $text],
            'a stdClass of no UTF-8' => [static fn (): object => (object) ['a' => (object) ['b' => "\xFF"]], $text],
            'a name in a stdClass that is not UTF-8' => [static fn (): object => (object) ["\xFF" => 1], $text],
            'a public property that is not UTF-8' => [static fn (): object => new OrderNote("\xFF"), $text],
            'a protected one' => [static fn (): object => new OrderNote('x', "\xFF"), $text],
            'a private one' => [static fn (): object => new OrderNote('x', 'x', "\xFF"), $text],
            'JsonSerializable, not UTF-8' => [static fn (): array => [new OrderParts("\xFF")], $text],
            'behind more objects than are looked into' => [
                static fn (): array => [...array_map(static fn () => new OrderNote('x'), range(1, 1_000)), new OrderNote("\xFF")],
                'something in it is not UTF-8',
            ],
            'a Collection of resources' => [static fn (): object => new Collection([STDIN]), $resource],
            'a stdClass of resources' => [static fn (): object => (object) ['a' => ['b' => STDIN]], $resource],
            'a public property that is a resource' => [static fn (): object => new OrderNote(STDIN), $resource],
            'JsonSerializable, a resource' => [static fn (): array => [new OrderParts(new OrderParts(STDIN))], $resource],
            'a resource beyond a recursion' => [
                static fn (): object => new Collection([(new OrderNote('x'))->remembersItself(), STDIN]), $resource,
            ],
        ];
    }

    /** @dataProvider data */
    #[DataProvider('data')]
    public function testANotificationThatWaitsItselfIsNamed(callable $data, string $says): void
    {
        $this->fails(static fn () => (new AnonymousNotifiable())->notify(new LetterQueued($data())), LetterQueued::class, $says);
    }

    public function testANotificationThatNoBrowserGetsMayHaveAnything(): void
    {
        (new AnonymousNotifiable())->notify(new LetterQueued('x', STDIN));

        self::assertStringContainsString('"text":"x"', $this->sidecar->received('publish', 1)[0]['data']);
    }

    public function testWhatAnObjectKeepsFromTheQueueOrFromJsonMayBeAnything(): void
    {
        $kept = new OrderNote('y', (object) ['a' => STDIN], STDIN);
        event(new OrderQueued([new OrderFile(), (new OrderNote('x'))->remembersItself(), $kept]));

        $arrived = '{"title":[{"path":"a.pdf"},{"text":"x"},{"text":"y"}]}';
        self::assertSame($arrived, $this->sidecar->received('publish', 1)[0]['data']);
    }

    public function testAChannelThatIsNotUtf8(): void
    {
        $event = new OrderQueued('x', on: ["a\xFF"]);

        $this->fails(static fn () => event($event), OrderQueued::class . ': ', 'channel name [0] is not UTF-8');
    }

    public function testWhatIsNoDataMayBeAnything(): void
    {
        event(new OrderQueued('x', STDIN));

        self::assertSame('{"title":"x"}', $this->sidecar->received('publish', 1)[0]['data']);
    }

    public function testItIsNoticedByTheNextApplicationOfAProcessWhoseCallbacksWereRemoved(): void
    {
        // As the tearDown() of Laravel's own test case does.
        Queue::createPayloadUsing(null);
        $this->app = $this->files->boot(self::providers());

        $this->fails(static fn () => event(new OrderQueued("\xFF")), OrderQueued::class . ' on orders: ', 'is not UTF-8');
    }

    public function testApplicationsOfOneProcessLeaveOneCallback(): void
    {
        $all = Closure::bind(static fn (): array => Queue::$createPayloadCallbacks, null, Queue::class);
        // Laravel has some of its own, from 11 on one more for each application.
        $isOurs = static fn (Closure $callback): bool
            => str_starts_with((string) (new ReflectionFunction($callback))->getClosureScopeClass()?->getName(), 'Rustecho');
        $this->files->boot(self::providers());
        $this->files->boot(self::providers());

        self::assertCount(1, array_filter($all(), $isOurs));
    }

    public function testTheEventsOfOtherBroadcastersAreLeftToThem(): void
    {
        $this->app['config']->set('broadcasting.default', 'log');
        event(new OrderQueued(STDIN));
        $this->expectException(InvalidPayloadException::class);

        event(new OrderQueued("\xFF"));
    }

    private function fails(callable $call, string $what, string $says): void
    {
        try {
            $call();
            self::fail('nothing was thrown');
        } catch (BroadcastException $error) {
            self::assertStringContainsString("rustecho could not broadcast ", $error->getMessage());
            self::assertStringContainsString($what, $error->getMessage());
            self::assertStringContainsString($says, $error->getMessage());
            $good = $error->getPrevious() instanceof InvalidEvent || $error->getPrevious() instanceof \JsonException;
            self::assertTrue($good, get_debug_type($error->getPrevious()));
        }
        event(new OrderQueued('marker'));
        self::assertSame(['{"title":"marker"}'], array_column($this->sidecar->received('publish', 1), 'data'));
    }
}
