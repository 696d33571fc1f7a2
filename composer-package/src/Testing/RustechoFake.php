<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Testing;

use Closure;
use Illuminate\Broadcasting\Channel;
use Illuminate\Support\Collection;
use Illuminate\Support\Traits\ReflectsClosures;
use PHPUnit\Framework\Assert as PHPUnit;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\EventBeingBroadcast;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Wire\Frame;

/**
 * Stands in for the sidecar in the tests of an application. See {@see \Rustecho\Laravel\Rustecho::fake()}.
 *
 * Events are recorded where they would have been written: their channels, names and data are what a browser would get, and
 * what cannot be encoded, or is over a limit, fails as it would in production. An event is named by its class or by what
 * broadcastAs() says; a notification and a model also by their own class.
 * Callbacks get the event object, and the {@see Broadcast} as their second argument; for what was published without an event
 * object they get the Broadcast in both places.
 */
final class RustechoFake implements Publisher
{
    use ReflectsClosures;

    /** @var list<Broadcast> */
    private array $broadcasts = [];

    public function publish(array $channels, string $event, string $json, ?string $socketId, ?string $id = null): Receipt
    {
        // What no sidecar would take.
        Frame::publish(Frame::NO_ID, array_slice($channels, 0, self::MAX_CHANNELS), $event, $json, $socketId ?? '');
        Frame::checkData(strlen($json), Frame::DEFAULT_MAX_DATA_BYTES);
        $data = (array) json_decode($json, true);
        $this->broadcasts[] = new Broadcast(EventBeingBroadcast::find(), $event, $channels, $data, $socketId);

        return new Receipt(bin2hex(random_bytes(16)), 0, true);
    }

    /** As without the fake: runs the callback. */
    public function together(callable $callback): mixed
    {
        return $callback();
    }

    /** As without the fake; there is nothing to collect. */
    public function collect(): void
    {
    }

    /**
     * Asserts that the event was broadcast: at all, so many times, or at least once so that the callback says true.
     *
     * @param Closure|string $event its class or name; or a callback whose first parameter has the class as its type
     */
    public function assertBroadcast(Closure|string $event, callable|int|null $callback = null): void
    {
        [$event, $callback] = $this->named($event, $callback);
        if (is_int($callback)) {
            $this->assertBroadcastTimes($event, $callback);

            return;
        }
        PHPUnit::assertTrue(
            $this->broadcasts($event, $callback)->isNotEmpty(),
            "The expected [$event] event was not broadcast" . ($callback ? ' as the callback wants it.' : '.') . $this->seen(),
        );
    }

    /** Asserts that the event was broadcast exactly so many times. */
    public function assertBroadcastTimes(string $event, int $times = 1): void
    {
        $count = $this->broadcasts($event)->count();
        $message = "The [$event] event was broadcast $count times instead of $times times.";
        PHPUnit::assertSame($times, $count, $message . $this->seen());
    }

    /**
     * Asserts that something, or this event, was broadcast on the channel.
     *
     * @param Channel|string $channel the full name (`private-orders.1`), or the channel object
     */
    public function assertBroadcastOn(
        Channel|string $channel,
        Closure|string|null $event = null,
        ?callable $callback = null,
    ): void {
        if ($event !== null) {
            [$event, $callback] = $this->named($event, $callback);
        }
        $on = $this->broadcasts($event, $callback)->filter(static fn (Broadcast $one): bool => $one->isOn((string) $channel));
        $what = $event === null ? 'No event' : "The expected [$event] event";
        PHPUnit::assertTrue(
            $on->isNotEmpty(),
            "$what was " . ($event === null ? '' : 'not ') . "broadcast on [$channel]." . $this->seen(),
        );
    }

    /** Asserts that the event was not broadcast: not at all, or not so that the callback says true. */
    public function assertNotBroadcast(Closure|string $event, ?callable $callback = null): void
    {
        [$event, $callback] = $this->named($event, $callback);
        PHPUnit::assertCount(
            0,
            $this->broadcasts($event, $callback),
            "The unexpected [$event] event was broadcast." . $this->seen(),
        );
    }

    /** Asserts that no event at all was broadcast. */
    public function assertNothingBroadcast(): void
    {
        PHPUnit::assertSame([], $this->broadcasts, 'Events were broadcast unexpectedly.' . $this->seen());
    }

    /**
     * What was broadcast: everything, or what is this event, or of that what the callback says true to.
     *
     * @return Collection<int, Broadcast>
     */
    public function broadcasts(?string $event = null, ?callable $callback = null): Collection
    {
        $matches = static fn (Broadcast $one): bool => ($event === null || $one->is($event))
            && ($callback === null || $callback($one->subject($event), $one));

        return (new Collection($this->broadcasts))->filter($matches)->values();
    }

    /** @return array{string, callable|int|null} */
    private function named(Closure|string $event, callable|int|null $callback): array
    {
        return $event instanceof Closure ? [$this->firstClosureParameterType($event), $event] : [$event, $callback];
    }

    private function seen(): string
    {
        return $this->broadcasts === []
            ? ' Nothing was. (An event that waits in a queue is recorded when it leaves it.)'
            : "\nBroadcast were:\n- " . implode("\n- ", $this->broadcasts);
    }
}
