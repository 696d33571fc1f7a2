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
        $last = self::$said[$about] ?? null;
        if ($last !== null && ($this->sapi === 'cli' || time() - $last < $seconds)) {
            return false;
        }
        $file = $this->sapi === 'cli' ? null : $this->memory($about);
        $last = $file === null ? null : self::touched($file);
        $due = $last === null || time() - $last >= $seconds;
        if ($due && $file !== null) {
            $due = @touch($file); // where nothing remembers, each request would say it
        }
        self::$said[$about] = $due ? time() : $last;

        return $due;
    }

    /** What a new process does; for tests. */
    public static function forget(): void
    {
        self::$said = [];
    }

    /** A file of the application or, where its folder cannot be written to, of the system. */
    private function memory(string $about): string
    {
        $file = $about === '' ? $this->file : "$this->file-" . hash('crc32b', $about);
        if (is_writable(file_exists($file) ? $file : dirname($file))) {
            return $file;
        }
        $user = function_exists('posix_geteuid') ? posix_geteuid() : 0; // only its own can be touched

        return sys_get_temp_dir() . "/rustecho-said-$user-" . hash('crc32b', $file);
    }

    private static function touched(string $file): ?int
    {
        clearstatcache(true, $file);

        return @filemtime($file) ?: null;
    }
}
