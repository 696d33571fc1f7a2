<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Fallback;
use Rustecho\Laravel\Contracts\Road;

/** The events whose receipts are still to be collected, of all connections of the application. */
final class Deferred
{
    /** So many events, or bytes of data, are collected without being asked to. */
    private const MAX_EVENTS = 250;
    private const MAX_BYTES = 4_194_304;

    /** @var array<string, array{Event, ?Fallback}> by id */
    private array $events = [];
    /** @var array<int, Road> */
    private array $roads = [];
    private int $bytes = 0;
    private int $pid = 0;

    public function add(Event $event, Road $road, ?Fallback $fallback): void
    {
        if ($this->pid !== getmypid()) {
            [$this->pid, $this->events, $this->roads, $this->bytes] = [(int) getmypid(), [], [], 0];
        }
        $this->events[$event->id] = [$event, $fallback];
        $this->roads[spl_object_id($road)] = $road;
        $this->bytes += strlen($event->json);
    }

    public function isFull(): bool
    {
        return count($this->events) >= self::MAX_EVENTS || $this->bytes >= self::MAX_BYTES;
    }

    /**
     * Collects what there is.
     *
     * @return list<array{code: int, message: string, fate: int, event: ?Event, fallback: ?Fallback}> what failed
     */
    public function collect(bool $wait): array
    {
        if ($this->roads === [] || $this->pid !== getmypid()) {
            return [];
        }
        $failures = [];
        foreach ($this->roads as $road) {
            foreach ($road->collect($wait)['failures'] as $failure) {
                [$event, $fallback] = $this->events[$failure['id']] ?? [null, null];
                $failures[] = $failure + ['fate' => Exception::FATE_UNKNOWN, 'event' => $event, 'fallback' => $fallback];
                unset($this->events[$failure['id']]);
            }
        }
        if ($wait) {
            [$this->events, $this->roads, $this->bytes] = [[], [], 0];
        }

        return $failures;
    }
}
