<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Rustecho\InvalidOption;

/** The checked settings of one broadcast connection. */
final class Settings
{
    public const DEFAULT_SOCKET = '/run/rustecho/rustecho.sock';
    public const DEFAULT_TIMEOUT_MS = 50;
    public const MAX_TIMEOUT_MS = 60_000;

    /**
     * @param string|null $socket path of the sidecar's Unix socket; null: the extension's ini setting, else the default
     * @param int|null $timeoutMs milliseconds that one publish may take in all; null as above
     * @param 'receipt'|'none'|null $ack whether to wait for the sidecar's receipt; null as above
     */
    private function __construct(
        public readonly string $transport,
        public readonly ?string $socket,
        public readonly ?int $timeoutMs,
        public readonly ?string $ack,
    ) {
    }

    /**
     * @param array<string, mixed> $connection the entry in config/broadcasting.php, whose keys win
     * @param array<string, mixed> $defaults config/rustecho.php
     *
     * @throws InvalidOption naming the key, the value and what it may be
     */
    public static function from(array $connection, array $defaults = []): self
    {
        $values = $connection + $defaults + ['transport' => 'auto'];

        return new self(
            // env() turns the word "null" into null, so this is what RUSTECHO_TRANSPORT=null arrives as.
            self::text('transport', $values['transport'] ?? 'null') ?? 'auto',
            self::text('socket', $values['socket'] ?? null),
            self::timeout($values['timeout_ms'] ?? null),
            self::ack($values['ack'] ?? null),
        );
    }

    public function socketPath(): string
    {
        return $this->socket ?? (ini_get('rustecho.socket') ?: self::DEFAULT_SOCKET);
    }

    public function timeoutOrDefault(): int
    {
        return $this->timeoutMs ?? ((int) ini_get('rustecho.timeout_ms') ?: self::DEFAULT_TIMEOUT_MS);
    }

    public function wantsReceipt(): bool
    {
        $ini = ini_get('rustecho.ack');
        // PHP's ini reader turns a bare `none` into an empty value.
        $ack = $this->ack ?? ($ini === '' ? 'none' : $ini);

        return $ack !== 'none';
    }

    private static function text(string $key, mixed $value): ?string
    {
        if ($value !== null && ! is_string($value)) {
            throw self::wrong($key, $value, 'text');
        }

        return $value === '' ? null : $value;
    }

    private static function timeout(mixed $value): ?int
    {
        if ($value === null || $value === '') {
            return null;
        }
        $range = ['options' => ['min_range' => 1, 'max_range' => self::MAX_TIMEOUT_MS]];
        $milliseconds = is_bool($value) ? false : filter_var($value, FILTER_VALIDATE_INT, $range);

        return $milliseconds === false
            ? throw self::wrong('timeout_ms', $value, 'a whole number of milliseconds from 1 to ' . self::MAX_TIMEOUT_MS)
            : $milliseconds;
    }

    private static function ack(mixed $value): ?string
    {
        return match ($value) {
            null, '' => null,
            'receipt', 'none' => $value,
            default => throw self::wrong('ack', $value, '"receipt" or "none"'),
        };
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
