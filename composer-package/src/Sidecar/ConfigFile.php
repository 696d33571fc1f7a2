<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/**
 * The sidecar's configuration, as far as this side has to know it: its file, and the variables of the environment that the
 * sidecar prefers to it, since both often share one `.env`.
 */
final class ConfigFile
{
    /** As packages and deploy/install.sh install it. */
    public const SYSTEM = '/etc/rustecho/rustecho.json';
    private const SERVICE = '/var/lib/rustecho';
    private const NAMES = ['rustecho.json', 'laravel-echo-server.json'];
    /** Each beside its name in laravel-echo-server. */
    private const VARIABLES = [
        'host' => ['RUSTECHO_HOST', 'LARAVEL_ECHO_SERVER_HOST'],
        'port' => ['RUSTECHO_PORT', 'LARAVEL_ECHO_SERVER_PORT'],
        'protocol' => ['RUSTECHO_PROTOCOL', 'LARAVEL_ECHO_SERVER_PROTO'],
        'authHost' => ['RUSTECHO_AUTH_HOST', 'LARAVEL_ECHO_SERVER_AUTH_HOST'],
        'authEndpoint' => ['RUSTECHO_AUTH_ENDPOINT'],
        'subscribers.redis' => ['RUSTECHO_SUBSCRIBERS_REDIS'],
        'databaseConfig.redis.keyPrefix' => ['RUSTECHO_REDIS_PREFIX'],
        'spool' => ['RUSTECHO_SPOOL'],
        'spool.path' => ['RUSTECHO_SPOOL_PATH'],
    ];
    /** `databaseConfig.redis` by variables. */
    private const REDIS = [
        'HOST', 'PORT', 'PATH', 'URL', 'USERNAME', 'PASSWORD', 'DB', 'PREFIX', 'TLS', 'TLS_VERIFY', 'TLS_CA', 'SENTINELS',
        'SENTINEL_NAME', 'SENTINEL_USERNAME', 'SENTINEL_PASSWORD', 'CLUSTER',
    ];
    private const TEXT = '"(?:[^"\\\\]|\\\\.)*+"(*SKIP)(*FAIL)';

    /**
     * @param array<string, mixed> $values
     * @param string $folder in which the sidecar runs
     */
    private function __construct(
        public readonly string $path,
        private readonly array $values,
        private readonly Environment $environment,
        private readonly string $folder,
    ) {
    }

    /** No file: the environment is all there is. */
    public static function none(string $folder): self
    {
        return new self('', [], new Environment([$folder]), $folder);
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
                return self::at($path, $folder);
            }
        }

        return null;
    }

    /** @throws Unreachable */
    private static function at(string $path, string $folder): self
    {
        $text = @file_get_contents($path);
        if ($text === false) {
            $why = is_file($path) ? 'this user may not read it' : 'there is no such file';

            throw new Unreachable("the sidecar's configuration $path cannot be read: $why");
        }
        $values = json_decode(self::withoutComments($text), true);

        // The machine's service has a folder and an environment of its own.
        $isService = $path === self::SYSTEM;
        $folder = $isService ? self::SERVICE : $folder;
        $environment = new Environment([$folder, dirname($path)], ! $isService);

        return is_array($values) ? new self($path, $values, $environment, $folder)
            : throw new Unreachable("the sidecar's configuration $path is not a JSON object: rustecho check-config says where");
    }

    /** Comments and a comma before a closing bracket are allowed, as in the sidecar. */
    private static function withoutComments(string $text): string
    {
        $patterns = [
            '~^\xEF\xBB\xBF~',
            '~' . self::TEXT . '|//[^\n]*+|\#[^\n]*+|/\*.*?(?:\*/|\z)~s',
            '~' . self::TEXT . '|,(?=\s*+[}\]])~s',
        ];

        return (string) preg_replace($patterns, '', $text);
    }

    /** @param string $key in dots, as docs/configuration.md lists them */
    public function get(string $key): mixed
    {
        return $this->environment->get(...self::VARIABLES[$key] ?? []) ?? data_get($this->values, $key);
    }

    /** Who has the last word about these: the path of the file, or the environment. */
    public function place(string ...$keys): string
    {
        foreach (array_merge(...array_map(static fn (string $key): array => self::VARIABLES[$key], $keys)) as $name) {
            if ($this->environment->get($name) !== null) {
                return "the environment ($name)";
            }
        }

        return $this->path;
    }

    /** Where the sidecar answers HTTP on this machine. */
    public function url(): string
    {
        $host = $this->get('host') ?: '127.0.0.1';
        $host = in_array($host, ['0.0.0.0', '::'], true) ? '127.0.0.1' : $host;
        $host = str_contains($host, ':') && $host[0] !== '[' ? "[$host]" : $host;

        return ($this->get('protocol') === 'https' ? 'https' : 'http') . "://$host:" . $this->port();
    }

    /** As the sidecar reads it, also from `tcp://10.0.0.1:6001`. */
    public function port(): int
    {
        return preg_match('~(?:^|:)(\d+)$~', rtrim(trim((string) $this->get('port')), '/'), $port) === 1 ? (int) $port[1] : 6001;
    }

    /** @return string|false|null the folder; false: none; null: where publishers look unless told otherwise */
    public function spoolFolder(): string|false|null
    {
        $spool = $this->get('spool');
        $switch = self::boolean($spool);
        $folder = is_string($spool) && $switch === null ? $spool : $this->get('spool.path');

        return match (true) {
            $switch === false => false,
            ! is_string($folder) => null,
            default => str_starts_with($folder, '/') ? $folder : "$this->folder/$folder",
        };
    }

    public function takesRedis(): bool
    {
        $old = ! str_starts_with(basename($this->path), 'rustecho'); // these are the sidecar's own rules
        $default = $this->get('subscribers') === null && ($old || $this->isRedisGiven());

        return self::boolean($this->get('subscribers.redis')) ?? $default;
    }

    private function isRedisGiven(): bool
    {
        $names = array_map(static fn (string $word): string => "RUSTECHO_REDIS_$word", self::REDIS);
        $old = ['LARAVEL_ECHO_SERVER_REDIS_HOST', 'LARAVEL_ECHO_SERVER_REDIS_PORT', 'LARAVEL_ECHO_SERVER_REDIS_PASSWORD'];

        return $this->get('databaseConfig.redis') || $this->environment->get(...$names, ...$old) !== null;
    }

    public function redisPrefix(): string
    {
        return (string) ($this->get('databaseConfig.redis.keyPrefix') ?? '');
    }

    private static function boolean(mixed $value): ?bool
    {
        return is_scalar($value) && $value !== '' ? filter_var($value, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE) : null;
    }
}
