<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Filesystem\Filesystem;

/** What a test run leaves behind: nothing. Programs it started have ended, and its one folder is gone, also after Ctrl-C. */
final class Scratch
{
    private static ?string $folder = null;
    /** @var array<int, Running> */
    private static array $running = [];

    /** A new path in the run's folder, whose name begins so. */
    public static function path(string $name): string
    {
        return self::folder() . "/$name-" . bin2hex(random_bytes(4));
    }

    public static function remember(Running $program): void
    {
        self::folder();
        self::$running[spl_object_id($program)] = $program;
    }

    public static function forget(Running $program): void
    {
        unset(self::$running[spl_object_id($program)]);
    }

    private static function folder(): string
    {
        if (self::$folder === null) {
            self::$folder = sys_get_temp_dir() . '/rustecho-tests-' . getmypid();
            mkdir(self::$folder, 0755);
            $owner = getmypid(); // not what tests fork
            register_shutdown_function(static fn () => getmypid() === $owner ? self::clear() : null);
            // A signal ends PHP without its shutdown functions.
            pcntl_async_signals(true);
            foreach ([SIGINT, SIGTERM, SIGHUP] as $signal) {
                pcntl_signal($signal, static fn () => exit(128 + $signal));
            }
        }

        return self::$folder;
    }

    private static function clear(): void
    {
        foreach (self::$running as $program) {
            $program->end(SIGKILL);
        }
        (new Filesystem())->deleteDirectory((string) self::$folder);
    }
}
