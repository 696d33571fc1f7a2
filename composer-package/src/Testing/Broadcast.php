<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Testing;

use Rustecho\Laravel\EventBeingBroadcast;

/** One event that would have been published. */
final class Broadcast
{
    /**
     * @param object|null $event the event object; null when it was published by its name alone
     * @param string $name what listeners in the browser listen for: the class name, or what broadcastAs() says
     * @param list<string> $channels full names, such as `private-orders.1`
     * @param array<string, mixed> $data what the browser would get
     * @param string|null $socket the socket that is left out, as toOthers() says
     */
    public function __construct(
        public readonly ?object $event,
        public readonly string $name,
        public readonly array $channels,
        public readonly array $data,
        public readonly ?string $socket,
    ) {
    }

    /** Whether it is the event, notification or model of this class (or its parent, or interface), or of this name. */
    public function is(string $event): bool
    {
        return $this->name === ltrim($event, '.\\') || $this->subject($event) instanceof $event;
    }

    /** What a callback is given that asks for this class: the notification or model, if it is of it, else the event. */
    public function subject(?string $class): object
    {
        $within = $this->event === null ? null : EventBeingBroadcast::within($this->event);

        return $class !== null && $within instanceof $class ? $within : $this->event ?? $this;
    }

    public function isOn(string $channel): bool
    {
        return in_array($channel, $this->channels, true);
    }

    public function __toString(): string
    {
        return "$this->name on " . implode(', ', $this->channels);
    }
}
