<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Database\Eloquent\BroadcastableModelEventOccurred;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;

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

    /** What the application has made: in an event that Laravel has made for it, the notification or the model. */
    public static function within(object $event): object
    {
        return match (true) {
            $event instanceof BroadcastNotificationCreated => $event->notification,
            $event instanceof BroadcastableModelEventOccurred => $event->model,
            default => $event,
        };
    }

    /** The class to look at when something is wrong with the event. */
    public static function classOf(object $event): string
    {
        return get_class(self::within($event));
    }
}
