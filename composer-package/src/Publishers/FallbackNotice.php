<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Psr\Log\LoggerInterface;

/**
 * Says once that the pure-PHP client has taken over.
 *
 * A command-line process remembers that it has said so. Under php-fpm a process forgets everything at the end of each request;
 * there a file remembers, and the line appears at most once a day.
 */
final class FallbackNotice
{
    private const SECONDS_BETWEEN = 86_400;

    private static bool $given = false;

    public function __construct(
        private readonly LoggerInterface $log,
        private readonly string $file,
        private readonly string $sapi = PHP_SAPI,
    ) {
    }

    /** @param string $reason why the extension is not used */
    public function give(string $reason): void
    {
        if (self::$given || ($this->sapi !== 'cli' && $this->givenLately())) {
            return;
        }
        self::$given = true;
        $this->log->notice(
            "rustecho: $reason; using the pure-PHP client. "
            . 'It reaches the same sidecar, with a new connection in every php-fpm request.',
        );
    }

    /** Lets the next call speak again; for tests. */
    public static function forget(): void
    {
        self::$given = false;
    }

    private function givenLately(): bool
    {
        clearstatcache(true, $this->file);
        $last = @filemtime($this->file);
        if ($last !== false && time() - $last < self::SECONDS_BETWEEN) {
            return true;
        }
        @touch($this->file);

        return false;
    }
}
