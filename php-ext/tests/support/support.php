<?php

/** What the extension's test scripts share: checks, conditions to wait for, and a sidecar to talk to. */

declare(strict_types=1);

/** How long a test waits for something that must happen, in seconds. */
const PATIENCE = 15.0;

$GLOBALS['failed'] = 0;

function check(bool $good, string $what, mixed $found = null): void
{
    if (!$good) {
        $GLOBALS['failed']++;
        echo "FAILED: $what", func_num_args() > 2 ? ', found ' . var_export($found, true) : '', "\n";
    }
}

function same(mixed $expected, mixed $found, string $what): void
{
    check($expected === $found, "$what: expected " . var_export($expected, true), $found);
}

/** Runs $call, which must throw exactly this class with every one of these parts in its message. */
function throws(string $class, callable $call, string ...$parts): ?Throwable
{
    try {
        $call();
    } catch (Throwable $error) {
        same($class, $error::class, 'the class of "' . $error->getMessage() . '"');
        foreach ($parts as $part) {
            check(str_contains($error->getMessage(), $part), "the message has \"$part\"", $error->getMessage());
        }
        return $error;
    }
    check(false, "$class is thrown");
    return null;
}

/** Waits until $condition gives something true, and returns it. */
function until(callable $condition, string $what): mixed
{
    $end = microtime(true) + PATIENCE;
    do {
        if ($value = $condition()) {
            return $value;
        }
        usleep(2000);
    } while (microtime(true) < $end);
    echo "FAILED: $what did not happen within ", PATIENCE, " s\n";
    exit(1);
}

/** Ends the script: with its verdict, or as one that cannot run here. In CI nothing may be skipped. */
function done(): never
{
    exit($GLOBALS['failed'] === 0 ? 0 : 1);
}

function skip(string $why): never
{
    echo "skipped: $why\n";
    exit(getenv('CI') === 'true' ? 1 : 0);
}

/** A directory that goes when the script ends. */
function temporary(): string
{
    $dir = sys_get_temp_dir() . '/rustecho-ext-' . bin2hex(random_bytes(6));
    mkdir($dir, 0755);
    $owner = getmypid();
    register_shutdown_function(static function () use ($dir, $owner): void {
        if (getmypid() === $owner) {
            array_map('unlink', array_filter([...glob("$dir/*"), ...glob("$dir/*/*")], static fn ($file) => !is_dir($file)));
            array_map('rmdir', [...glob("$dir/*"), $dir]);
        }
    });
    return $dir;
}

/** The fake sidecar as a process of its own. */
final class Sidecar
{
    private $process = null;

    public function __construct(public readonly string $socket, private readonly string $log)
    {
        $owner = getmypid();
        register_shutdown_function(fn () => getmypid() === $owner && $this->stop());
        $this->start();
    }

    public static function inNewDirectory(): self
    {
        $dir = temporary();
        return new self("$dir/rustecho.sock", "$dir/log");
    }

    public function start(): void
    {
        $before = count($this->of('ready'));
        $command = [PHP_BINARY, '-n', __DIR__ . '/fake-sidecar.php', $this->socket, $this->log];
        $this->process = proc_open($command, [], $pipes);
        until(fn () => count($this->of('ready')) > $before, 'the start of the fake sidecar');
    }

    /** Ends it as a crash would. */
    public function stop(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, 9);
            proc_close($this->process);
            $this->process = null;
        }
    }

    /** Stops it without ending it: it listens, but does nothing (SIGSTOP); or lets it go on (SIGCONT). */
    public function signal(int $signal): void
    {
        proc_terminate($this->process, $signal);
    }

    /** All entries of the log of one kind. */
    public function of(string $kind): array
    {
        $lines = is_file($this->log) ? file($this->log, FILE_IGNORE_NEW_LINES) : [];
        $entries = array_map(static fn ($line) => json_decode($line, true), $lines);
        return array_values(array_filter($entries, static fn ($entry) => $entry['kind'] === $kind));
    }
}
