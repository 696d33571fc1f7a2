<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\ConnectionFailed;
use Rustecho\Refused;
use Rustecho\Timeout;
use Throwable;

/**
 * The connection that a process keeps, opened when it is first needed.
 *
 * After an error it is closed, so that no half frame is left for the next event. After a break it is opened once more, and
 * after a fork anew.
 */
final class KeptConnection
{
    private const REFUSALS_THAT_CLOSE = [1, 2, Frame::TRY_LATER]; // what is on its way must not overtake what waits

    private ?Connection $connection = null;
    private int $openedBy = 0;

    /**
     * @param \Closure(): string $introduction the hello that a new connection starts with
     * @param bool $patient whether a sidecar that has just gone away gets until the deadline to come back
     */
    public function __construct(
        private readonly string $path,
        private readonly \Closure $introduction,
        private readonly bool $patient = true,
    ) {
    }

    /**
     * Runs an exchange; when the connection turns out to be broken, once more on a new one.
     *
     * @template T
     * @param callable(Connection, bool): T $exchange is told whether the connection is a new one
     * @param bool $carriesEvents whether there is anything in it that could have arrived
     * @return T
     *
     * @throws \Rustecho\Exception
     */
    public function run(Deadline $deadline, callable $exchange, bool $carriesEvents = true): mixed
    {
        $fate = 0;
        try {
            try {
                $open = $this->opened();

                return $open !== null
                    ? $exchange($open, false)
                    : $exchange($this->keep(Connection::open($this->path, $deadline), $deadline), true);
            } catch (ConnectionLost $lost) {
                $fate = $carriesEvents ? $lost->getCode() : 0;
                $this->close();

                $new = $this->patient
                    ? Connection::reopen($this->path, $deadline)
                    : Connection::open($this->path, $deadline);

                return $exchange($this->keep($new, $deadline), true);
            }
        } catch (Refused $refused) {
            if (in_array($refused->getCode(), self::REFUSALS_THAT_CLOSE, true)) {
                $this->close();
            }
            // Who is not let in now says nothing of what was written whole on the connection before.
            throw $fate !== 0 && $refused->getCode() === Frame::TRY_LATER
                ? new ConnectionFailed("{$refused->getMessage()}. The event may have arrived.", $fate, $refused)
                : $refused;
        } catch (Throwable $error) {
            $this->close();
            throw $this->withFate($error, $fate);
        }
    }

    /** What may have arrived before the break may have arrived whatever happened afterwards. */
    private function withFate(Throwable $error, int $fate): Throwable
    {
        $fate = max($fate, (int) $error->getCode());
        $arrived = $fate === 0 ? '' : ' The event may have arrived.';

        return match (true) {
            $error instanceof ConnectionLost => new ConnectionFailed(
                'the connection to the sidecar at ' . Place::shown($this->path) . " was closed twice ({$error->getMessage()})."
                . "$arrived Its log says why; see unixSocket.allowedUids. Is this the path in its setting unixSocket.path?",
                $fate,
            ),
            $error instanceof NotTheProtocol => new NotTheProtocol(
                'the answer from ' . Place::shown($this->path) . " is not understood: {$error->getMessage()}. "
                . 'Is it rustecho that listens there, and is this the path in its setting unixSocket.path?',
                $fate,
                $error,
            ),
            $error->getCode() === $fate => $error,
            $error instanceof Timeout => new Timeout($error->getMessage() . $arrived, $fate, $error),
            $error instanceof ConnectionFailed => new ConnectionFailed($error->getMessage() . $arrived, $fate, $error),
            default => $error,
        };
    }

    private function opened(): ?Connection
    {
        if ($this->connection !== null && $this->openedBy !== getmypid()) {
            $this->close();
        }

        return $this->connection;
    }

    private function keep(Connection $new, Deadline $deadline): Connection
    {
        $this->connection = $new;
        $this->openedBy = (int) getmypid();
        $new->write(($this->introduction)(), $deadline);

        return $new;
    }

    private function close(): void
    {
        $this->connection?->close();
        $this->connection = null;
    }
}
