<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Rustecho\InvalidOption;
use Rustecho\Laravel\Wire\Spool;

/** The checked settings of one broadcast connection. */
final class Settings
{
    public const DEFAULT_SOCKET = '/run/rustecho/rustecho.sock';
    public const MAX_SOCKET_BYTES = 107;
    public const DEFAULT_TIMEOUT_MS = 50;
    public const MAX_TIMEOUT_MS = 60_000;
    public const DEFAULT_BREAKER_MS = 1_000;
    public const MAX_BREAKER_MS = 600_000;
    public const DEFAULT_SPOOL_MAX_BYTES = 268_435_456;

    /**
     * @param string|null $socket path of the sidecar's Unix socket; null: the extension's ini setting, else the default
     * @param int|null $timeoutMs milliseconds that one publish may take in all; null as above
     * @param 'receipt'|'deferred'|'none'|null $ack whether to wait for the sidecar's receipt; null as above
     * @param 'spool'|'redis'|'throw'|'log'|null $onFailure what happens to an event that the sidecar cannot be given; null as
     *     above
     * @param int|null $breakerMs milliseconds for which, at most, the sidecar is left alone after a failure; null as above
     * @param string|null $spool the spool's directory; null as above
     * @param int|null $spoolMaxBytes the most bytes in it; null as above
     * @param string|null $redis the connection in config/database.php for `redis`; null: the default one
     */
    private function __construct(
        public readonly string $transport,
        public readonly ?string $socket,
        public readonly ?int $timeoutMs,
        public readonly ?string $ack,
        public readonly ?string $onFailure,
        public readonly ?int $breakerMs,
        public readonly ?string $spool,
        public readonly ?int $spoolMaxBytes,
        public readonly ?string $redis,
    ) {
    }

    /**
     * @param array<string, mixed> $connection the entry in config/broadcasting.php, whose keys win, but for null
     * @param array<string, mixed> $defaults config/rustecho.php
     *
     * @throws InvalidOption naming the key, the value and what it may be
     */
    public static function from(array $connection, array $defaults = []): self
    {
        // A key for which env() has found nothing hides nothing.
        $given = array_filter($connection, static fn (mixed $value): bool => $value !== null);
        $values = $given + $defaults + ['transport' => 'auto'];

        return new self(
            // env() turns the word "null" into null, so this is what RUSTECHO_TRANSPORT=null arrives as.
            self::text('transport', $values['transport'] ?? 'null') ?? 'auto',
            self::socket($values['socket'] ?? null),
            self::number('timeout_ms', $values['timeout_ms'] ?? null, 1, self::MAX_TIMEOUT_MS, 'milliseconds'),
            self::oneOf('ack', $values['ack'] ?? null, ['receipt', 'deferred', 'none']),
            self::oneOf('on_failure', $values['on_failure'] ?? null, ['spool', 'redis', 'throw', 'log']),
            self::number('breaker_ms', $values['breaker_ms'] ?? null, 0, self::MAX_BREAKER_MS, 'milliseconds'),
            self::path('spool', $values['spool'] ?? null),
            self::number('spool_max_bytes', $values['spool_max_bytes'] ?? null, 0, PHP_INT_MAX, 'bytes'),
            self::text('redis', $values['redis'] ?? null),
        );
    }

    /** The same, for an event that is to arrive now or not at all. */
    public function withoutFallback(): self
    {
        $values = get_object_vars($this);
        $values['ack'] = 'receipt';
        $values['onFailure'] = 'throw';

        return new self(...$values);
    }

    public function socketPath(): string
    {
        return $this->socket ?? (ini_get('rustecho.socket') ?: self::DEFAULT_SOCKET);
    }

    public function timeoutOrDefault(): int
    {
        return $this->timeoutMs ?? ((int) ini_get('rustecho.timeout_ms') ?: self::DEFAULT_TIMEOUT_MS);
    }

    /** @return 'receipt'|'deferred'|'none' */
    public function ackOrDefault(): string
    {
        $ini = ini_get('rustecho.ack');

        // PHP's ini reader turns a bare `none` into an empty value.
        return $this->ack ?? ($ini === '' ? 'none' : ($ini ?: 'receipt'));
    }

    public function spools(): bool
    {
        return ($this->onFailure ?? (ini_get('rustecho.on_failure') ?: 'spool')) === 'spool';
    }

    public function breakerOrDefault(): int
    {
        $ini = ini_get('rustecho.breaker_ms');

        return $this->breakerMs ?? ($ini === false ? self::DEFAULT_BREAKER_MS : (int) $ini);
    }

    /** Where the sidecar looks, too, unless its spool.path says otherwise. */
    public function spoolFolder(): string
    {
        $socket = Spool::plain($this->socketPath());
        $default = preg_match('~^(/var)?/run/~', $socket) === 1 ? '/var/spool/rustecho' : dirname($socket) . '/spool';

        return $this->spool ?? (ini_get('rustecho.spool') ?: $default);
    }

    private static function text(string $key, mixed $value): ?string
    {
        if ($value !== null && ! is_string($value)) {
            throw self::wrong($key, $value, 'text');
        }

        return $value === '' ? null : $value;
    }

    /** Not one that means another file in public/, where web requests are, than it means to artisan. */
    private static function path(string $key, mixed $value): ?string
    {
        $path = self::text($key, $value);

        return $path === null || $path[0] === '/' ? $path : throw self::wrong(
            $key,
            $value,
            "an absolute path, as base_path('$path') in config/rustecho.php is: web requests have another working directory than "
            . 'artisan',
        );
    }

    /** As long as the system takes: PHP cuts a longer one off, and then names another file. */
    private static function socket(mixed $value): ?string
    {
        $path = self::path('socket', $value);
        $good = $path === null || (strlen($path) <= self::MAX_SOCKET_BYTES && ! str_contains($path, "\0"));

        return $good ? $path : throw self::wrong('socket', $value, 'the path of a Unix socket, 1 to 107 bytes');
    }

    private static function number(string $key, mixed $value, int $least, int $most, string $unit): ?int
    {
        if ($value === null || $value === '') {
            return null;
        }
        $range = ['options' => ['min_range' => $least, 'max_range' => $most]];
        $number = is_bool($value) ? false : filter_var($value, FILTER_VALIDATE_INT, $range);

        return $number === false
            ? throw self::wrong($key, $value, "a whole number of $unit from $least to $most")
            : $number;
    }

    /** @param list<string> $allowed */
    private static function oneOf(string $key, mixed $value, array $allowed): ?string
    {
        if ($value === null || $value === '') {
            return null;
        }
        $last = count($allowed) - 1;
        $words = '"' . implode('", "', array_slice($allowed, 0, $last)) . "\" or \"$allowed[$last]\"";

        return in_array($value, $allowed, true) ? $value : throw self::wrong($key, $value, $words);
    }

    private static function wrong(string $key, mixed $value, string $allowed): InvalidOption
    {
        $shown = is_scalar($value) ? var_export($value, true) : get_debug_type($value);

        return new InvalidOption(
            "The rustecho setting \"$key\" is $shown, but has to be $allowed. "
            . 'Correct it in config/rustecho.php, in the environment (RUSTECHO_' . strtoupper($key)
            . ') or in the connection in config/broadcasting.php.',
        );
    }
}
