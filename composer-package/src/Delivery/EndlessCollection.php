<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Support\Collection;
use JsonSerializable;

use function is_array;
use function is_object;

/**
 * Finds a collection that contains itself.
 *
 * Laravel makes an array of collections within collections, call within call, before json_encode() can see a recursion: with such
 * a collection the process dies.
 */
final class EndlessCollection
{
    /** What is behind more values is not looked at, so that large data costs nothing more; what is not nested deep comes first. */
    private const VALUES = 1_000;

    /** @param array<mixed> $values */
    public static function isIn(array $values): bool
    {
        foreach ($values as $value) {
            if (is_array($value) || is_object($value)) {
                return self::isWithin([$values]);
            }
        }

        return false; // as for most events, which are flat
    }

    /** @param list<array<mixed>> $within */
    private static function isWithin(array $within): bool
    {
        $seen = 0;
        for ($at = 0; isset($within[$at]) && $seen < self::VALUES; $at++) {
            $each = is_array($within[$at]) ? $within[$at] : self::contents($within[$at]);
            $seen += count($each) + 1;
            foreach (count($each) > self::VALUES ? array_slice($each, 0, self::VALUES) : $each as $value) {
                if ($value instanceof Collection && self::isEndless($value, [])) {
                    return true;
                }
                if (is_array($value) || is_object($value)) {
                    $within[] = $value;
                }
            }
        }

        return false;
    }

    /**
     * By way of collections alone: an array or another object in between is shown to json_encode().
     *
     * @param array<int, true> $around the numbers of the collections that it is in
     */
    private static function isEndless(Collection $collection, array $around): bool
    {
        $around[spl_object_id($collection)] = true;
        foreach ($collection->all() as $value) {
            if ($value instanceof Collection && (isset($around[spl_object_id($value)]) || self::isEndless($value, $around))) {
                return true;
            }
        }

        return false;
    }

    /** @return array<mixed> what makes JSON of itself has its own way, of which nothing is known */
    private static function contents(object $object): array
    {
        return $object instanceof Collection ? $object->all()
            : ($object instanceof JsonSerializable ? [] : get_object_vars($object));
    }
}
