<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Illuminate\Contracts\Events\Dispatcher;
use Rustecho\Laravel\Events\EventPublished;
use Rustecho\Laravel\Events\PublishFailed;
use Rustecho\Laravel\Receipt;
use Throwable;

/** Tells Laravel's listeners what became of an event; costs next to nothing while there are none. */
final class Observer
{
    /** @param Closure(): Dispatcher $events */
    public function __construct(private readonly Closure $events)
    {
    }

    /**
     * @param list<string> $channels
     * @param int $begun as hrtime() says
     */
    public function published(
        array $channels,
        string $event,
        int $bytes,
        ?string $socketId,
        Receipt $receipt,
        int $begun,
    ): void {
        $events = ($this->events)();
        if ($events->hasListeners(EventPublished::class)) {
            $events->dispatch(new EventPublished(
                $channels,
                $event,
                $bytes,
                $socketId,
                $receipt->id,
                $receipt->subscribers,
                $receipt->accepted,
                $receipt->spooled,
                $receipt->diverted,
                self::since($begun),
            ));
        }
    }

    /**
     * @param list<string> $channels
     * @param int|null $begun as hrtime() says; null where nobody waited for it
     */
    public function failed(array $channels, string $event, int $bytes, Throwable $error, ?int $begun): void
    {
        $events = ($this->events)();
        if ($events->hasListeners(PublishFailed::class)) {
            $took = $begun === null ? null : self::since($begun);
            $events->dispatch(new PublishFailed($channels, $event, $bytes, $error->getMessage(), $error, $took));
        }
    }

    private static function since(int $begun): float
    {
        return round((hrtime(true) - $begun) / 1_000_000, 3);
    }
}
