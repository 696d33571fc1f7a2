<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Contracts\Support\Jsonable;
use Illuminate\Support\Str;
use Rustecho\InvalidEvent;
use Stringable;
use Throwable;

/** What an application gives as channels, checked as a whole before anything of an event is written. */
final class ChannelNames
{
    public const MAX_BYTES = 512;

    private const SHOWN_CHARACTERS = 60;
    private const SHOWN_OF_CAUSE = 200;
    private const PREFIXES = ['private-', 'presence-', 'private-encrypted-'];

    /**
     * The full names: of channel objects, texts, and whatever else says of itself what text it is.
     *
     * @param array<array-key, mixed> $channels
     * @return list<string>
     *
     * @throws InvalidEvent naming the channel and what is wrong with it
     */
    public static function of(array $channels): array
    {
        $names = [];
        foreach ($channels as $at => $channel) {
            $cause = null;
            try {
                $wrong = self::wrongType($channel) ?? self::wrongName($name = (string) $channel);
            } catch (Throwable $cause) {
                $wrong = 'is an object of ' . get_debug_type($channel) . ' that gives no text: '
                    . Str::limit($cause->getMessage(), self::SHOWN_OF_CAUSE);
            }
            if ($wrong !== null) {
                $after = $names === [] ? '' : ' (after ' . Str::limit(end($names), self::SHOWN_CHARACTERS) . ')';
                throw new InvalidEvent("channel name [$at]$after $wrong", 0, $cause);
            }
            $names[] = $name;
        }

        return $names;
    }

    private static function wrongType(mixed $channel): ?string
    {
        // Models and collections turn themselves into JSON where a text is expected, which nobody means.
        if (is_string($channel) || ($channel instanceof Stringable && ! $channel instanceof Jsonable)) {
            return null;
        }
        $type = get_debug_type($channel);
        $kind = match (true) {
            is_array($channel) => 'an array' . self::first($channel) . ': the list of channels must not be nested',
            $channel instanceof Jsonable => "an object of $type: wrap it, as in new PrivateChannel(\$model)",
            is_object($channel) => "an object of $type",
            default => "of the type $type",
        };

        return "is $kind. It has to be a channel object or a name";
    }

    /** @param array<mixed> $list */
    private static function first(array $list): string
    {
        try {
            $first = reset($list);
            $name = self::wrongType($first) === null ? mb_scrub((string) $first, 'UTF-8') : '';
        } catch (Throwable) {
            return '';
        }

        return $name === '' ? '' : ' (' . Str::limit($name, self::SHOWN_CHARACTERS) . (count($list) > 1 ? ', …)' : ')');
    }

    private static function wrongName(string $name): ?string
    {
        $bytes = strlen($name);

        return match (true) {
            $bytes === 0 => 'is empty; it has to have 1 to ' . self::MAX_BYTES . ' bytes',
            $name[$bytes - 1] === '-' && in_array($name, self::PREFIXES, true) => "is \"$name\" and has nothing after its prefix",
            preg_match('//u', $name) !== 1 => 'is not UTF-8',
            $bytes > self::MAX_BYTES => 'begins with "' . Str::limit($name, self::SHOWN_CHARACTERS)
                . "\" and has $bytes bytes; the limit is " . self::MAX_BYTES . ' bytes',
            default => null,
        };
    }
}
