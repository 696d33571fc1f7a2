<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Notifications\Channels\BroadcastChannel;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Notifications\SendQueuedNotifications;
use Throwable;

/** A notification that waits in a queue until it becomes an event. */
final class QueuedNotification
{
    /** As it will be, without its data. */
    public readonly BroadcastNotificationCreated $event;

    public function __construct(private readonly SendQueuedNotifications $job)
    {
        $this->event = new BroadcastNotificationCreated($job->notifiables->first(), $job->notification, []);
    }

    public static function isBroadcast(SendQueuedNotifications $job): bool
    {
        return array_intersect(['broadcast', BroadcastChannel::class], (array) $job->channels) !== [];
    }

    /** Asked only where something looks wrong: what the notification has for mails alone is no concern of ours. */
    public function hasBadData(): bool
    {
        try {
            $notification = $this->job->notification;
            $make = method_exists($notification, 'toBroadcast') ? 'toBroadcast' : 'toArray';
            $message = $notification->$make($this->job->notifiables->first());
        } catch (Throwable) {
            // The notification's own, for the worker to say.
            return false;
        }
        $data = Contents::of(is_array($message) ? $message : $message->data ?? null);

        return $data->resource || $data->recursion;
    }
}
