<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use RuntimeException;

/** A program that a test started. Ends with the test's process at the latest. */
final class Running
{
    /** @var resource|null */
    private $process;
    public readonly string $log;

    /**
     * @param list<string> $command
     * @param array<string, string> $env added to the test's own
     */
    public function __construct(array $command, string $folder, array $env = [])
    {
        $this->log = Scratch::path('log');
        $output = ['file', $this->log, 'a'];
        $pipes = [];
        // A process group of its own, since PHP's web server does not take its workers along when it ends.
        $input = ['file', '/dev/null', 'r'];
        $process = proc_open(['setsid', ...$command], [$input, $output, $output], $pipes, $folder, $env + getenv());
        $this->process = $process ?: throw new RuntimeException('cannot run ' . implode(' ', $command));
        Scratch::remember($this);
    }

    public function output(): string
    {
        return (string) @file_get_contents($this->log);
    }

    public function pid(): int
    {
        return $this->status()['pid'];
    }

    /** Waits until it has printed the text. */
    public function printed(string $text): self
    {
        Wait::until(function () use ($text): bool {
            if (! $this->status()['running']) {
                throw new RuntimeException("It ended without printing \"$text\":\n" . $this->output());
            }

            return str_contains($this->output(), $text);
        }, "\"$text\" is printed");

        return $this;
    }

    /** @return int its exit status */
    public function wait(float $seconds = 60.0): int
    {
        $last = null;
        Wait::until(function () use (&$last): bool {
            $last = $this->status();

            return ! $last['running'];
        }, 'the program ends', $seconds);
        proc_close($this->process);
        $this->process = null;
        Scratch::forget($this);

        return $last['exitcode'];
    }

    public function signal(int $signal): void
    {
        posix_kill($this->pid(), $signal);
    }

    /** Sends the signal to it and to all that it started, and waits until they are gone. */
    public function end(int $signal = SIGTERM): void
    {
        if ($this->process === null) {
            return;
        }
        $group = $this->pid();
        posix_kill(-$group, $signal);
        $this->wait(15.0);
        Wait::until(static fn (): bool => ! self::lives($group), 'all that it started has ended', 15.0);
        @unlink($this->log);
    }

    /** Whether the process group has a process; the dead ones that nobody has fetched yet do not count. */
    private static function lives(int $group): bool
    {
        foreach (posix_kill(-$group, 0) ? (glob('/proc/[0-9]*/stat') ?: []) : [] as $file) {
            // After the name, which may contain anything: state, parent, group.
            $fields = explode(' ', (string) strrchr((string) @file_get_contents($file), ')'));
            if ((int) ($fields[3] ?? 0) === $group && ! in_array($fields[1], ['Z', 'X'], true)) {
                return true;
            }
        }

        return false;
    }

    /** @return array{running: bool, exitcode: int, pid: int} */
    private function status(): array
    {
        return $this->process === null ? ['running' => false, 'exitcode' => -1, 'pid' => 0] : proc_get_status($this->process);
    }
}
