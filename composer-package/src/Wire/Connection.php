<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\ConnectionFailed;
use Rustecho\Timeout;

/** One open connection to the sidecar. Every call ends before the deadline it is given. */
final class Connection
{
    private const BACKLOG_FULL = 11; // EAGAIN: connect() of a Unix socket does not wait for room
    private const NOT_THERE = [2, 111]; // ENOENT, ECONNREFUSED: what a restarting sidecar looks like
    private const READ_BYTES = 65_536;

    private string $received = '';

    /** @param resource $stream */
    private function __construct(private $stream, private readonly string $path)
    {
    }

    /** @throws ConnectionFailed|Timeout */
    public static function open(string $path, Deadline $deadline): self
    {
        return self::connect($path, $deadline, [self::BACKLOG_FULL]);
    }

    /**
     * Opens a connection in place of one that broke: a sidecar that is restarting gets until the deadline to come back.
     *
     * @throws ConnectionFailed|Timeout
     */
    public static function reopen(string $path, Deadline $deadline): self
    {
        return self::connect($path, $deadline, [self::BACKLOG_FULL, ...self::NOT_THERE]);
    }

    /** @throws ConnectionLost|Timeout */
    public function write(string $bytes, Deadline $deadline): void
    {
        while ($bytes !== '') {
            $written = @fwrite($this->stream, $bytes);
            if ($written === false) {
                throw new ConnectionLost('it broke while the event was written' . $this->whyNot($bytes));
            }
            $bytes = $written === 0 ? $bytes : (string) substr($bytes, $written);
            if ($bytes !== '' && ! $this->wait([], [$this->stream], $deadline)) {
                throw new Timeout(
                    'the sidecar at ' . Place::shown($this->path) . ' did not take the whole event in time; '
                    . 'it was not published. ' . Place::SILENT,
                );
            }
        }
    }

    /**
     * The next frame, as {@see Frame::readBody()} gives it.
     *
     * @return array<string, mixed>
     *
     * @throws ConnectionLost|Timeout|ConnectionFailed
     */
    public function read(Deadline $deadline): array
    {
        while (($message = $this->takeReceived()) === null) {
            if (! $this->wait([$this->stream], [], $deadline)) {
                throw new Timeout(
                    'the sidecar at ' . Place::shown($this->path) . ' did not answer in time; '
                    . 'the event may still arrive. ' . Place::SILENT,
                    Timeout::FATE_UNKNOWN,
                );
            }
            $this->receive();
        }

        return $message;
    }

    /**
     * What has arrived already, without waiting.
     *
     * @return list<array<string, mixed>>
     *
     * @throws ConnectionLost|ConnectionFailed
     */
    public function drain(): array
    {
        $messages = [];
        while (true) {
            while (($message = $this->takeReceived()) !== null) {
                $messages[] = $message;
            }
            if (! $this->wait([$this->stream], [], Deadline::after(0))) {
                return $messages;
            }
            $this->receive();
        }
    }

    /** Closes this process' end only: after a fork the other process keeps its own. */
    public function close(): void
    {
        if (is_resource($this->stream)) {
            fclose($this->stream);
        }
    }

    /** @param list<int> $patientWith system errors after which to try again */
    private static function connect(string $path, Deadline $deadline, array $patientWith): self
    {
        $pause = 500;
        while (true) {
            $stream = @stream_socket_client("unix://$path", $errno, $error, $deadline->left() / 1e6);
            if ($stream !== false) {
                stream_set_blocking($stream, false);
                stream_set_read_buffer($stream, 0);

                return new self($stream, $path);
            }
            $late = $deadline->left() === 0;
            if ($late && $errno === self::BACKLOG_FULL) {
                throw new Timeout('no connection to the sidecar at ' . Place::shown($path) . ' in time. ' . Place::SILENT);
            }
            if ($late || ! in_array($errno, $patientWith, true)) {
                throw new ConnectionFailed(self::advice($path, $errno, $error));
            }
            usleep(min($pause, $deadline->left()));
            $pause = min(2 * $pause, 20_000);
        }
    }

    private static function advice(string $path, int $errno, string $error): string
    {
        return 'no connection to the sidecar at ' . Place::shown($path) . " (errno $errno, $error). " . match ($errno) {
            2 => 'Is the sidecar running, and is this the path in its setting unixSocket.path?',
            13 => 'That user may not write to the socket: see unixSocket.mode and unixSocket.group.',
            111 => 'The sidecar has stopped: start it, and see its log.',
            default => 'Is this the path in its setting unixSocket.path?',
        };
    }

    /** What the system says of a write that fails: it is asked once more, since error handlers of the application hide it. */
    private function whyNot(string $bytes): string
    {
        $said = '';
        set_error_handler(static function (int $level, string $message) use (&$said): bool {
            $said = $message;

            return true;
        });
        fwrite($this->stream, $bytes);
        restore_error_handler();

        return preg_match('/errno=(\d+) (.+)/', $said, $found) === 1 ? ", errno $found[1], $found[2]" : '';
    }

    /**
     * @param list<resource> $readable
     * @param list<resource> $writable
     */
    private function wait(array $readable, array $writable, Deadline $deadline): bool
    {
        do {
            $left = $deadline->left();
            [$read, $write, $except] = [$readable, $writable, null];
            $ready = @stream_select($read, $write, $except, intdiv($left, 1_000_000), $left % 1_000_000);
            // false: a signal arrived, such as a queue worker's alarm.
        } while ($ready === false && $left > 0);

        return (bool) $ready;
    }

    private function receive(): void
    {
        $bytes = @fread($this->stream, self::READ_BYTES);
        if ($bytes === false || ($bytes === '' && feof($this->stream))) {
            throw new ConnectionLost('the sidecar closed it', Timeout::FATE_UNKNOWN);
        }
        $this->received .= $bytes;
    }

    /** @return array<string, mixed>|null */
    private function takeReceived(): ?array
    {
        if (strlen($this->received) < Frame::HEADER_BYTES) {
            return null;
        }
        [$kind, $length] = Frame::readHeader($this->received);
        $end = Frame::HEADER_BYTES + $length;
        if (strlen($this->received) < $end) {
            return null;
        }
        $body = substr($this->received, Frame::HEADER_BYTES, $length);
        $this->received = (string) substr($this->received, $end);

        return Frame::readBody($kind, $body);
    }
}
