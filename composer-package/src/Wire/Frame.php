<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\ConnectionFailed;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Contracts\Publisher;

/**
 * The bytes of wire protocol version 1, and the only place that knows them; docs/wire-format.md describes them.
 *
 * Writes what a publisher sends (hello, publish), reads what the sidecar sends (welcome, receipt, refusal).
 */
final class Frame
{
    public const HEADER_BYTES = 8;
    public const MAX_BODY_BYTES = 16_777_216;
    public const MAX_NAME_BYTES = 512;
    public const MAX_SHORT_BYTES = 255;
    /** What a sidecar takes where it is not configured otherwise. */
    public const DEFAULT_MAX_DATA_BYTES = 10_485_760;
    public const ID_BYTES = 16;
    /** Of a refusal that concerns the connection as a whole. */
    public const NO_ID = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    public const WELCOME = 0x02;
    public const RECEIPT = 0x04;
    public const REFUSAL = 0x05;
    public const VERSION_NOT_SPOKEN = 1;
    /** The refusal of a sidecar that is stopping, or whose clients are still coming back. */
    public const TRY_LATER = 8;

    public const VERSION = 0x01;

    private const MAGIC = 'RE';
    private const HELLO = 0x01;
    private const PUBLISH = 0x03;
    private const WANTS_RECEIPT = 0x01;
    private const MAYBE_PUBLISHED_BEFORE = 0x02;
    private const SPOOLABLE = 0x04;

    /** Whether a sidecar that speaks these versions speaks this one. */
    public static function isSpoken(int $oldest, int $newest): bool
    {
        return $oldest <= self::VERSION && self::VERSION <= $newest;
    }

    /** @param string $client who speaks, for the sidecar's log */
    public static function hello(string $client, int $pid): string
    {
        return self::frame(self::HELLO, self::str16('client name', $client, self::MAX_SHORT_BYTES) . pack('N', $pid));
    }

    /**
     * @param string $id 16 bytes
     * @param list<string> $channels
     * @param int $time microseconds since 1970, 0: unknown
     *
     * @throws InvalidEvent naming the field and the limit, before anything is written
     */
    public static function publish(
        string $id,
        array $channels,
        string $event,
        string $data,
        string $socket = '',
        bool $receipt = true,
        int $time = 0,
        string $trace = '',
        bool $replayed = false,
        bool $spoolable = false,
    ): string {
        $flags = ($receipt ? self::WANTS_RECEIPT : 0) | ($replayed ? self::MAYBE_PUBLISHED_BEFORE : 0)
            | ($spoolable ? self::SPOOLABLE : 0);
        $body = pack('Ca16J', $flags, $id, $time)
            . self::channels($channels)
            . self::name('event name', $event)
            . self::str16('socket id', $socket, self::MAX_SHORT_BYTES)
            . self::str16('trace', $trace, self::MAX_SHORT_BYTES);
        $length = strlen($body) + strlen($data);
        if ($length > self::MAX_BODY_BYTES) {
            throw new InvalidEvent(sprintf(
                'the data has %d bytes, and the whole frame would have %d; the limit is %d. Publish a reference instead.',
                strlen($data),
                $length,
                self::MAX_BODY_BYTES,
            ));
        }

        return self::header(self::PUBLISH, $length) . $body . $data;
    }

    /** @throws InvalidEvent */
    public static function checkData(int $bytes, int $limit): void
    {
        if ($bytes > $limit) {
            throw new InvalidEvent("the data has $bytes bytes; the sidecar's limit is $limit. Publish a reference instead.");
        }
    }

    /** A publish frame as it stands in the spool: nobody waits for a receipt, and it may have been published before. */
    public static function replayed(string $frame): string
    {
        $frame[self::HEADER_BYTES] = chr(self::MAYBE_PUBLISHED_BEFORE);

        return $frame;
    }

    /**
     * Reads the eight bytes of a header, the limit included.
     *
     * @return array{int, int} kind, bytes in the body
     *
     * @throws ConnectionFailed
     */
    public static function readHeader(string $bytes): array
    {
        $header = unpack('a2magic/Cversion/Ckind/Nlength', $bytes);
        if ($header === false || $header['magic'] !== self::MAGIC || $header['version'] !== self::VERSION) {
            throw new NotTheProtocol(
                'it is not a frame of protocol version 1',
                ConnectionFailed::FATE_UNKNOWN,
            );
        }
        if ($header['length'] > self::MAX_BODY_BYTES) {
            $limit = self::MAX_BODY_BYTES;
            throw new NotTheProtocol(
                "it claims {$header['length']} bytes; the limit is $limit",
                ConnectionFailed::FATE_UNKNOWN,
            );
        }

        return [$header['kind'], $header['length']];
    }

    /**
     * @return array{kind: int, ...} the body's fields by name: `sidecar, oldest, newest, max_data` of a welcome,
     *     `id, subscribers` of a receipt, `id, code, message` of a refusal
     *
     * @throws ConnectionFailed
     */
    public static function readBody(int $kind, string $body): array
    {
        $fields = match ($kind) {
            self::WELCOME => self::welcome($body),
            self::RECEIPT => strlen($body) === 20 ? unpack('a16id/Nsubscribers', $body) : null,
            self::REFUSAL => self::refusal($body),
            default => null,
        };

        return is_array($fields)
            ? ['kind' => $kind] + $fields
            : throw new NotTheProtocol("an answer of kind $kind does not decode", ConnectionFailed::FATE_UNKNOWN);
    }

    /** @return array<string, mixed>|null */
    private static function welcome(string $body): ?array
    {
        $length = self::textLength($body, 0);
        if ($length === null || strlen($body) !== 2 + $length + 6) {
            return null;
        }

        return ['sidecar' => substr($body, 2, $length)] + unpack('Coldest/Cnewest/Nmax_data', $body, 2 + $length);
    }

    /** @return array<string, mixed>|null */
    private static function refusal(string $body): ?array
    {
        $length = self::textLength($body, 18);
        if ($length === null || strlen($body) !== 20 + $length) {
            return null;
        }

        return unpack('a16id/ncode', $body) + ['message' => substr($body, 20)];
    }

    private static function textLength(string $body, int $offset): ?int
    {
        return strlen($body) < $offset + 2 ? null : unpack('n', $body, $offset)[1];
    }

    /** @param list<string> $channels */
    private static function channels(array $channels): string
    {
        $count = count($channels);
        if ($count < 1 || $count > Publisher::MAX_CHANNELS) {
            throw new InvalidEvent('an event needs 1 to ' . Publisher::MAX_CHANNELS . " channels; this one has $count.");
        }
        $bytes = pack('n', $count);
        foreach ($channels as $channel) {
            $bytes .= self::name('channel name', $channel);
        }

        return $bytes;
    }

    private static function name(string $what, string $name): string
    {
        if ($name === '') {
            throw new InvalidEvent("the $what is empty; it has to have 1 to " . self::MAX_NAME_BYTES . ' bytes.');
        }

        return self::str16($what, $name, self::MAX_NAME_BYTES);
    }

    private static function str16(string $what, string $text, int $most): string
    {
        $length = strlen($text);
        if ($length > $most || ! preg_match('//u', $text)) {
            throw new InvalidEvent("the $what has to be UTF-8 of at most $most bytes; this one has $length.");
        }

        return pack('n', $length) . $text;
    }

    private static function frame(int $kind, string $body): string
    {
        return self::header($kind, strlen($body)) . $body;
    }

    private static function header(int $kind, int $length): string
    {
        return self::MAGIC . pack('CCN', self::VERSION, $kind, $length);
    }
}
