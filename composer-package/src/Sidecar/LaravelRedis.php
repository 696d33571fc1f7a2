<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

use Illuminate\Support\ConfigurationUrlParser;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Framework;

/** A Redis connection of Laravel's config/database.php, as the sidecar is told of it. */
final class LaravelRedis
{
    /** @var array<int|string, mixed> */
    private readonly array $own;
    private readonly string $name;

    /**
     * @param array<string, mixed> $all `database.redis`
     * @param string|null $name of the connection; null: the default one
     */
    public function __construct(private readonly array $all, ?string $name)
    {
        $this->name = $name ?? 'default';
        $this->own = (new ConfigurationUrlParser())->parseConfiguration($all[$this->name] ?? []);
    }

    /**
     * @return array<string, mixed> `databaseConfig.redis`
     *
     * @throws InvalidOption
     */
    public function forSidecar(): array
    {
        // Predis has lists for replication, sentinels and clusters, and drivers for sentinels have keys of their own.
        if (isset($this->own[0]) || ! isset($this->own['host']) && ! isset($this->own['path'])) {
            throw new InvalidOption(
                "The rustecho setting \"on_failure\" is \"redis\", and config/database.php has no redis.$this->name that is one "
                . 'server with a host. Name another one in RUSTECHO_REDIS_CONNECTION, or write a rustecho.json, as for sentinels '
                . 'or a Redis Cluster.',
            );
        }
        preg_match('~^(?:([a-z]+)://)?(.*)~', (string) ($this->own['host'] ?? ''), $host);
        $scheme = $this->own['driver'] ?? $this->own['scheme'] ?? $host[1];
        $path = $this->own['path'] ?? (str_starts_with($host[2], '/') ? $host[2] : null);
        $server = $path !== null ? ['path' => $path]
            : ['host' => $host[2], 'port' => (int) ($this->own['port'] ?? 6379), 'tls' => $scheme === 'tls' ? true : null];
        $rest = ['username' => $this->own['username'] ?? null, 'password' => $this->own['password'] ?? null];

        $all = $server + $rest + ['keyPrefix' => Framework::redisPrefix($this->all, $this->name)];

        return array_filter($all, static fn ($value): bool => ! in_array($value, [null, ''], true));
    }
}
