<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/**
 * The sidecar's configuration file, as far as this side has to know it. Variables of the environment that the sidecar would
 * prefer are asked first, since both often share one `.env`.
 */
final class ConfigFile
{
    private const NAMES = ['rustecho.json', 'laravel-echo-server.json'];

    /** @param array<string, mixed> $values */
    private function __construct(public readonly string $path, private readonly array $values)
    {
    }

    /**
     * The file of this name, or else that of the application.
     *
     * @throws Unreachable when a file was named and cannot be read, or is not JSON
     */
    public static function find(string $folder, ?string $named): ?self
    {
        $candidates = $named !== null ? [$named] : array_map(static fn (string $name): string => "$folder/$name", self::NAMES);
        foreach ($candidates as $path) {
            if (is_file($path) || $named !== null) {
                $values = json_decode((string) @file_get_contents($path), true);

                return is_array($values) ? new self($path, $values)
                    : throw new Unreachable("the sidecar's configuration $path cannot be read, or is not a JSON object");
            }
        }

        return null;
    }

    /** @param string $key in dots, as docs/configuration.md lists them */
    public function get(string $key, mixed $default = null): mixed
    {
        return data_get($this->values, $key, $default);
    }

    /** Where the sidecar answers HTTP on this machine. */
    public function url(): string
    {
        $host = $this->get('host') ?: '127.0.0.1';
        $host = in_array($host, ['0.0.0.0', '::'], true) ? '127.0.0.1' : $host;

        return ($this->get('protocol') === 'https' ? 'https' : 'http') . "://$host:" . $this->get('port', 6001);
    }

    public function takesRedis(): bool
    {
        $old = basename($this->path) !== self::NAMES[0];

        return (bool) $this->get('subscribers.redis', $old && $this->get('subscribers') === null);
    }

    public function redisPrefix(): string
    {
        return (string) ($this->get('databaseConfig.redis.keyPrefix') ?? '');
    }
}
