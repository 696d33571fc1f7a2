<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastEvent;

/**
 * Which event object is being broadcast. Laravel tells a driver the name only, which broadcastAs() may have chosen.
 *
 * Looks through the calls that led here: for error messages and tests, not for every event.
 */
final class EventBeingBroadcast
{
    private const DEPTH = 25;

    public static function find(): ?object
    {
        foreach (debug_backtrace(DEBUG_BACKTRACE_PROVIDE_OBJECT | DEBUG_BACKTRACE_IGNORE_ARGS, self::DEPTH) as $call) {
            $job = $call['object'] ?? null;
            if ($job instanceof BroadcastEvent && is_object($job->event)) {
                return $job->event;
            }
        }

        return null;
    }
}
