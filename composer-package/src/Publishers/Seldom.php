<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

/**
 * Whether to say now what holds for every event.
 *
 * A command-line process remembers that it has said so. Under php-fpm a process forgets everything at the end of each request;
 * there a file remembers, for all processes of the application.
 */
final class Seldom
{
    /** @var array<string, int> when it was said, or seen to have been said, in this process */
    private static array $said = [];

    public function __construct(private readonly string $file, private readonly string $sapi = PHP_SAPI)
    {
    }

    /**
     * True once; then not for so long, on the command line never again.
     *
     * @param string $about tells what is said of one thing from what is said of another
     */
    public function isDue(int $seconds, string $about = ''): bool
    {
        $file = $about === '' ? $this->file : "$this->file-" . hash('crc32b', $about);
        $last = self::$said[$about] ?? null;
        if ($last !== null && ($this->sapi === 'cli' || time() - $last < $seconds)) {
            return false;
        }
        $last = $this->sapi === 'cli' ? null : self::touched($file);
        $due = $last === null || time() - $last >= $seconds;
        if ($due && $this->sapi !== 'cli') {
            $due = @touch($file); // where nothing remembers, each request would say it
        }
        self::$said[$about] = $due ? time() : (int) $last;

        return $due;
    }

    /** What a new process does; for tests. */
    public static function forget(): void
    {
        self::$said = [];
    }

    private static function touched(string $file): ?int
    {
        clearstatcache(true, $file);

        return @filemtime($file) ?: null;
    }
}
