<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Broadcasting\AnonymousEvent;
use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Container\Container;
use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
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
    /** As deep as JSON may be. */
    private const DEPTH = 512;

    /** @throws BroadcastException */
    public static function check(mixed $job): void
    {
        if (! $job instanceof BroadcastEvent || ! is_object($job->event)) {
            return;
        }
        foreach ((array) $job->event as $property => $value) {
            $wrong = self::wrong($value, self::DEPTH);
            if ($wrong !== null && self::isOurs($job->event) && self::matters($job, (string) $property, $wrong)) {
                $name = substr((string) strrchr("\0$property", "\0"), 1);
                $where = is_array($value) ? "its property \$$name has something in it that" : "its property \$$name";
                throw self::failure($job->event, "$where $wrong, which no queue can carry");
            }
        }
    }

    private static function wrong(mixed $value, int $depth): ?string
    {
        if (is_string($value)) {
            return preg_match('//u', $value) === 1 ? null : 'is not UTF-8';
        }
        if (! is_array($value)) {
            return is_resource($value) || gettype($value) === 'resource (closed)' ? 'is a resource' : null;
        }
        if ($depth === 0) {
            return 'is a recursion, or nested more than ' . self::DEPTH . ' deep';
        }
        foreach ($value as $key => $one) {
            $wrong = self::wrong($one, $depth - 1) ?? (is_string($key) ? self::wrong($key, 0) : null);
            if ($wrong !== null) {
                return $wrong;
            }
        }

        return null;
    }

    /** Asked only where something looks wrong: what is encrypted or left out arrives, and so does what is no data. */
    private static function matters(BroadcastEvent $job, string $property, string $wrong): bool
    {
        if (str_ends_with($wrong, 'UTF-8')) {
            $encrypted = $job instanceof ShouldBeEncrypted || ($job->shouldBeEncrypted ?? false);

            return ! $encrypted && preg_match('//u', serialize(clone $job)) !== 1;
        }

        return match (true) {
            $job->event instanceof BroadcastNotificationCreated => $property === 'data',
            $job->event instanceof AnonymousEvent => $property === "\0*\0payload",
            default => ! method_exists($job->event, 'broadcastWith') && ! str_starts_with($property, "\0"),
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
