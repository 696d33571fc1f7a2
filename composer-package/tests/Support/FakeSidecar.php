<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Closure;
use RuntimeException;

/** A real Unix socket server in a child process, which answers each connection as a test tells it. */
final class FakeSidecar
{
    public readonly string $path;
    private readonly string $reports;
    private int $pid = 0;

    public function __construct()
    {
        $name = sys_get_temp_dir() . '/rustecho-test-' . getmypid() . '-' . bin2hex(random_bytes(4));
        $this->path = "$name.sock";
        $this->reports = "$name.log";
        touch($this->reports);
    }

    /** @param Closure(FakePeer, int): void $serve gets each connection and its number, from 1 */
    public function start(Closure $serve): self
    {
        // Listening before the fork: a client that comes early waits in the backlog.
        $listener = stream_socket_server("unix://$this->path", $code, $error) ?: throw new RuntimeException($error);
        $this->pid = pcntl_fork();
        if ($this->pid === 0) {
            try {
                for ($number = 1; $stream = stream_socket_accept($listener, 60); $number++) {
                    $serve(new FakePeer($stream, $this->reports), $number);
                }
            } finally {
                // Not exit(): the test runner's shutdown functions belong to the parent.
                posix_kill(getmypid(), SIGKILL);
            }
        }
        fclose($listener);

        return $this;
    }

    public function pause(): void
    {
        posix_kill($this->pid, SIGSTOP);
    }

    /** The process is gone when this returns; its socket file stays, as after a crash. */
    public function kill(): void
    {
        if ($this->pid > 0) {
            posix_kill($this->pid, SIGKILL);
            pcntl_waitpid($this->pid, $status);
            $this->pid = 0;
        }
    }

    /** Ends the process and takes its files away. */
    public function stop(): void
    {
        $this->kill();
        @unlink($this->path);
        @unlink($this->reports);
    }

    /**
     * Everything that was received so far, waiting until there are so many messages of the kind.
     *
     * @return list<array<string, mixed>>
     */
    public function received(string $kind, int $atLeast): array
    {
        $until = hrtime(true) + 5_000_000_000;
        do {
            $lines = file($this->reports, FILE_IGNORE_NEW_LINES) ?: [];
            $messages = array_map(static fn (string $line): array => (array) json_decode($line, true), $lines);
            $is = static fn (array $message): bool => ($message['kind'] ?? '') === $kind;
            $found = array_values(array_filter($messages, $is));
            if (count($found) >= $atLeast) {
                return $found;
            }
            usleep(2_000);
        } while (hrtime(true) < $until);

        throw new RuntimeException("Not $atLeast messages of kind $kind came within 5 s, only " . count($found) . '.');
    }
}
