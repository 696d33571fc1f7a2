<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/**
 * The sidecar's configuration file, as far as this side has to know it. Variables of the environment that the sidecar would
 * prefer are asked first, since both often share one `.env`.
 */
final class ConfigFile
{
    /** As packages and deploy/install.sh install it. */
    public const SYSTEM = '/etc/rustecho/rustecho.json';
    private const NAMES = ['rustecho.json', 'laravel-echo-server.json'];
    private const TEXT = '"(?:[^"\\\\]|\\\\.)*+"(*SKIP)(*FAIL)';

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
                return self::at($path);
            }
        }

        return null;
    }

    /** @throws Unreachable */
    private static function at(string $path): self
    {
        $text = @file_get_contents($path);
        if ($text === false) {
            $why = is_file($path) ? 'this user may not read it' : 'there is no such file';

            throw new Unreachable("the sidecar's configuration $path cannot be read: $why");
        }
        $values = json_decode(self::withoutComments($text), true);

        return is_array($values) ? new self($path, $values)
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
        $old = ! str_starts_with(basename($this->path), 'rustecho'); // these are the sidecar's own rules
        $default = $this->get('subscribers') === null && ($old || $this->isRedisGiven());
        $given = getenv('RUSTECHO_SUBSCRIBERS_REDIS') ?: $this->get('subscribers.redis', $default);

        return filter_var($given, FILTER_VALIDATE_BOOL);
    }

    private function isRedisGiven(): bool
    {
        // The one that is left out is this package's own.
        $variables = '/^(RUSTECHO|LARAVEL_ECHO_SERVER)_REDIS_(?!CONNECTION$)/';

        return (bool) $this->get('databaseConfig.redis') || preg_grep($variables, array_keys(array_filter(getenv()))) !== [];
    }

    public function redisPrefix(): string
    {
        return (string) ($this->get('databaseConfig.redis.keyPrefix') ?? '');
    }
}
