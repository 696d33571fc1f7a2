<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Broadcasting\AnonymousEvent;
use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Container\Container;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Notifications\SendQueuedNotifications;
use Illuminate\Support\Arr;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\ChannelNames;
use Rustecho\Laravel\EventBeingBroadcast;
use Rustecho\Laravel\EventName;
use Throwable;

/**
 * What a queue cannot carry, said when the event is queued and by the event's name: Laravel says "Error code: 5" of a text that
 * is not UTF-8, makes a 0 of a resource, and something shorter of a recursion.
 */
final class QueuedBroadcast
{
    /** @throws BroadcastException */
    public static function check(mixed $job): void
    {
        if ($job instanceof BroadcastEvent && is_object($job->event)) {
            self::refuse($job, $job->event, $job->event, static fn (string $name): bool => self::isData($job->event, $name));
        } elseif ($job instanceof SendQueuedNotifications && QueuedNotification::isBroadcast($job)) {
            $notification = new QueuedNotification($job);
            self::refuse($job, $job->notification, $notification->event, static fn (): bool => $notification->hasBadData());
        }
    }

    private static function refuse(object $job, object $subject, object $event, \Closure $isData): void
    {
        $contents = new Unqueueable($job, $subject);
        if ($contents->isSuspicious() && self::isOurs($event)) {
            $reason = $contents->reason($isData);
            if ($reason !== null) {
                throw self::failure($event, $reason);
            }
        }
    }

    private static function isData(object $event, string $property): bool
    {
        return match (true) {
            $event instanceof BroadcastNotificationCreated => $property === 'data',
            $event instanceof AnonymousEvent => $property === "\0*\0payload",
            default => ! method_exists($event, 'broadcastWith') && ! str_starts_with($property, "\0"),
        };
    }

    private static function isOurs(object $event): bool
    {
        $config = Container::getInstance()->make('config');
        foreach (method_exists($event, 'broadcastConnections') ? $event->broadcastConnections() : [null] as $name) {
            $name = EventName::of($name ?? (string) $config->get('broadcasting.default'));
            if ($config->get("broadcasting.connections.$name.driver") === 'rustecho') {
                return true;
            }
        }

        return false;
    }

    private static function failure(object $event, string $reason): BroadcastException
    {
        $on = '';
        try {
            $on = implode(', ', array_slice(ChannelNames::of(Arr::wrap($event->broadcastOn())), 0, 3));
        } catch (InvalidEvent $error) {
            $reason = $error->getMessage();
        } catch (Throwable) {
            // The event's own: what is wrong without it is to be said.
        }
        $what = EventBeingBroadcast::classOf($event) . ($on === '' ? '' : " on $on");

        return new BroadcastException("rustecho could not broadcast $what: $reason.", 0, new InvalidEvent($reason));
    }
}
