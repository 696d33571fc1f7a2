<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Contracts\Support\Arrayable;
use Illuminate\Database\Eloquent\Model;
use JsonSerializable;
use Throwable;

/** What there is in a value that no queue can carry, its objects included. */
final class Contents
{
    /** As deep as JSON may be. */
    public const DEPTH = 512;
    /** More are not looked into: whoever has put an application into an event is not to wait for it. */
    private const OBJECTS = 1_000;

    public bool $notUtf8 = false;
    public bool $resource = false;
    public bool $recursion = false;
    /** There is more than was looked at. */
    public bool $tooMuch = false;
    /** Whether a browser would not get what is looked at: JSON has no private properties of objects, and a model its own way. */
    private bool $hidden = false;
    /** @var array<int, object> those that were met: none is looked into twice, and none is gone before the end */
    private array $met = [];

    private function __construct(private readonly bool $serialized)
    {
    }

    public static function of(mixed $value): self
    {
        $self = new self(false);
        $self->begin($value);

        return $self;
    }

    /** What is left of it when it is serialized: of a model with SerializesModels its number, of other objects what they choose. */
    public static function serialized(object $object, string $property): self
    {
        $self = new self(true);
        $self->begin($self->properties($object)[$property] ?? null);

        return $self;
    }

    private function begin(mixed $value): void
    {
        $this->recursion = EndlessCollection::isIn([$value]);
        $this->look($value, self::DEPTH);
    }

    private function look(mixed $value, int $depth): void
    {
        if ($this->recursion) {
            return;
        }
        if (is_string($value)) {
            $this->notUtf8 = $this->notUtf8 || preg_match('//u', $value) !== 1;
        } elseif (is_array($value)) {
            $this->recursion = $depth === 0;
            $this->lookAtEach($depth === 0 ? [] : $value, $depth);
        } elseif (is_object($value)) {
            $this->lookInto($value, $depth);
        } elseif (str_starts_with(gettype($value), 'resource')) {
            $this->resource = $this->resource || ! $this->hidden; // also one that is closed
        }
    }

    private function lookInto(object $object, int $depth): void
    {
        $id = spl_object_id($object);
        if (isset($this->met[$id])) {
            return;
        }
        if ($depth === 0 || count($this->met) === self::OBJECTS) {
            $this->tooMuch = true;

            return;
        }
        $this->met[$id] = $object;
        $before = $this->hidden;
        $hidden = $this->hidden || $object instanceof Model;
        $chooses = $object instanceof JsonSerializable || $object instanceof Arrayable;
        foreach ($this->serialized ? $this->properties($object) : (array) $object as $name => $value) {
            $this->hidden = $hidden || (str_starts_with((string) $name, "\0") && ! $chooses);
            $this->lookAtEach([$name => $value], $depth);
        }
        $this->hidden = $before;
    }

    /** @param array<mixed> $values */
    private function lookAtEach(array $values, int $depth): void
    {
        foreach ($values as $name => $value) {
            is_string($name) && $this->look($name, $depth);
            $this->look($value, $depth - 1);
        }
    }

    /** @return array<mixed> as serialize() would have them */
    private function properties(object $object): array
    {
        try {
            if (method_exists($object, '__serialize')) {
                return $object->__serialize();
            }
            $kept = method_exists($object, '__sleep') ? $object->__sleep() : null;
        } catch (Throwable) {
            // Laravel says the same in a moment.
            return [];
        }
        $named = static fn (int|string $key): bool => in_array(substr((string) strrchr("\0$key", "\0"), 1), (array) $kept, true);

        return is_array($kept) ? array_filter((array) $object, $named, ARRAY_FILTER_USE_KEY) : (array) $object;
    }
}
