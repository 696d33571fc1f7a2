<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Database\Eloquent\BroadcastableModelEventOccurred;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Rustecho\Laravel\EventBeingBroadcast;

/** One event as it is published. */
final class Event
{
    /**
     * @param list<string> $channels full wire names
     * @param string|null $class of what was broadcast, where the name does not say it and somebody may ask
     */
    public function __construct(
        public readonly array $channels,
        public readonly string $name,
        public readonly string $json,
        public readonly ?string $socketId,
        public readonly string $id = '',
        public readonly ?string $class = null,
    ) {
    }

    /** To be called while it is being broadcast: later nobody knows what it was made of. */
    public function withId(string $id): self
    {
        $object = $this->isNamedByItsClass() ? null : EventBeingBroadcast::find();
        $class = $object === null ? $this->name : EventBeingBroadcast::classOf($object);
        $class = $class === $this->name ? null : $class;

        return new self($this->channels, $this->name, $this->json, $this->socketId, $id, $class);
    }

    /** As most are: then there is nothing to look for. The class is loaded, as there is an object of it. */
    private function isNamedByItsClass(): bool
    {
        return str_contains($this->name, '\\') && class_exists($this->name, false)
            && ! in_array($this->name, [BroadcastNotificationCreated::class, BroadcastableModelEventOccurred::class], true);
    }

    /** For messages: its class, its name and its first channels. */
    public function shown(): string
    {
        $shown = static fn (string $name): string => mb_strimwidth($name, 0, 100, '…', 'UTF-8');
        $first = implode(', ', array_map($shown, array_slice($this->channels, 0, 3)));
        $more = count($this->channels) - 3;

        $what = ($this->class === null ? '' : "$this->class as ") . $shown($this->name);

        return "$what on $first" . ($more > 0 ? " and $more more" : '');
    }
}
