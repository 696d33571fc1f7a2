<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use BackedEnum;
use Rustecho\InvalidEvent;
use Stringable;
use UnitEnum;

/** What broadcastAs() gives as the event's name. */
final class EventName
{
    /** @throws InvalidEvent */
    public static function of(mixed $name): string
    {
        return match (true) {
            is_string($name) => $name,
            is_int($name), $name instanceof Stringable => (string) $name,
            $name instanceof BackedEnum => (string) $name->value,
            $name instanceof UnitEnum => $name->name,
            default => throw new InvalidEvent(
                'the event name is of the type ' . get_debug_type($name) . '; broadcastAs() has to return a text',
            ),
        };
    }
}
