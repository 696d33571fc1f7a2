<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Rustecho\Laravel\Events\EventPublished;
use Rustecho\Laravel\Events\PublishFailed;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\OrderShipped;

/** What listeners, and so Telescope and Pulse, are told of each event. */
final class EventsTest extends SidecarTestCase
{
    /** @var list<object> */
    private array $told = [];

    public function testAPublishedEventIsToldWithWhatBecameOfIt(): void
    {
        $this->start();

        event(new OrderShipped(7, 'x'));

        [$told] = $this->told;
        self::assertInstanceOf(EventPublished::class, $told);
        self::assertSame(['private-orders.7', 'presence-room'], $told->channels);
        self::assertSame([OrderShipped::class, 3], [$told->event, $told->subscribers]);
        self::assertSame([true, false, false], [$told->accepted, $told->spooled, $told->diverted]);
        self::assertMatchesRegularExpression('/^[0-9a-f]{32}$/', $told->id);
        self::assertTrue($told->bytes > 10 && $told->milliseconds > 0);
        self::assertSame(['rustecho', 'rustecho:published', 'private-orders.7', 'presence-room'], $told->tags());
    }

    public function testSpooledDivertedAndFailedEventsSaySo(): void
    {
        $this->start(['on_failure' => 'spool', 'spool' => $this->files->folder]);
        $this->sidecar->stop();
        event(new OrderShipped(1, 'x'));
        $this->listen(['on_failure' => 'log']);
        event(new OrderShipped(1, 'x'));
        $this->listen(['on_failure' => 'throw']);
        foreach ([new OrderShipped(1, 'x'), new OrderShipped(1, "\xFF")] as $event) {
            try {
                event($event);
                self::fail('nothing was thrown');
            } catch (BroadcastException) {
            }
        }

        $fates = array_map(static fn (object $told): string => $told->tags()[1], $this->told);
        self::assertSame(['rustecho:spooled', 'rustecho:diverted', 'rustecho:failed', 'rustecho:failed'], $fates);
        [, , $away, $wrong] = $this->told;
        self::assertInstanceOf(PublishFailed::class, $wrong);
        self::assertMatchesRegularExpression('/(no connection|cannot connect) to the sidecar/', $away->reason);
        self::assertSame(['private-orders.1', 0], [$wrong->channels[0], $wrong->bytes], $wrong->reason);
        self::assertInstanceOf(BroadcastException::class, $wrong->exception);
    }

    public function testAnEventThatWasRefusedLaterIsToldAsWell(): void
    {
        $this->start(['ack' => 'deferred'], refuse: true);
        event(new OrderShipped(1, 'x'));
        $this->app->terminate();

        [$written, $failed] = $this->told;
        self::assertFalse($written->accepted);
        self::assertInstanceOf(PublishFailed::class, $failed);
        self::assertSame(['private-orders.1', null], [$failed->channels[0], $failed->milliseconds]);
    }

    public function testTagsFitTelescopesColumn(): void
    {
        $channels = array_fill(0, 30, str_repeat('ä', 400));
        $tags = (new EventPublished($channels, 'e', 2, null, '', 0, true, false, false, 0.1))->tags();

        self::assertSame('rustecho:nobody', $tags[1]);
        self::assertCount(12, $tags);
        self::assertLessThanOrEqual(255, max(array_map('mb_strlen', $tags)));
    }

    /** @param array<string, mixed> $settings */
    private function start(array $settings = [], bool $refuse = false): void
    {
        $this->sidecar->start(static function (FakePeer $peer) use ($refuse): void {
            while (($publish = $peer->readPublish()) !== null) {
                $refuse ? $peer->refuse($publish, 6, 'the event name is no good') : $peer->receipt($publish, 3);
            }
        });
        $this->listen($settings);
    }

    /** @param array<string, mixed> $settings */
    private function listen(array $settings): void
    {
        $this->boot($settings);
        $tell = function (object $told): void {
            $this->told[] = $told;
        };
        $this->app['events']->listen(EventPublished::class, $tell);
        $this->app['events']->listen(PublishFailed::class, $tell);
    }
}
