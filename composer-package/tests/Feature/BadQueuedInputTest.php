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
use Illuminate\Support\Facades\Broadcast;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Tests\Support\LetterSent;
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
        ] + self::unfit();
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
        $count = Closure::bind(static fn (): int => count(Queue::$createPayloadCallbacks), null, Queue::class);
        $before = $count();
        $this->files->boot(self::providers());
        $this->files->boot(self::providers());

        self::assertSame($before, $count());
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
