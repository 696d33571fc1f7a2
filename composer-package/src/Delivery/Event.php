<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

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
        // Mostly the name is the class: then there is nothing to look for.
        $object = str_contains($this->name, '\\') ? null : EventBeingBroadcast::find();
        $class = $object === null ? null : EventBeingBroadcast::classOf($object);

        return new self($this->channels, $this->name, $this->json, $this->socketId, $id, $class);
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
