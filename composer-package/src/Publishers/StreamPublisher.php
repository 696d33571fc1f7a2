<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Psr\Log\LoggerInterface;
use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Road;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Wire\Absence;
use Rustecho\Laravel\Wire\Answers;
use Rustecho\Laravel\Wire\Connection;
use Rustecho\Laravel\Wire\Deadline;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Laravel\Wire\Ids;
use Rustecho\Laravel\Wire\Introduction;
use Rustecho\Laravel\Wire\KeptConnection;
use Rustecho\Laravel\Wire\Pending;
use Rustecho\Laravel\Wire\Place;
use Rustecho\Refused;
use Rustecho\Timeout;

/**
 * The pure-PHP client, for where the extension is not loaded.
 *
 * It keeps one connection while the process, under php-fpm the request, lasts. Connecting, writing and waiting for the receipt
 * share one deadline.
 */
final class StreamPublisher implements Road
{
    private readonly KeptConnection $kept;
    private readonly Ids $ids;
    private readonly Pending $pending;
    private readonly Answers $answers;
    private readonly Absence $absence;

    public function __construct(
        private readonly Settings $settings,
        private readonly LoggerInterface $log,
        ?Warnings $warnings = null,
    ) {
        $this->kept = new KeptConnection($settings->socketPath(), Introduction::frame(...), ! $settings->spools());
        $this->ids = new Ids();
        $this->pending = new Pending();
        $this->answers = new Answers($this->pending, $log, $warnings);
        $this->absence = new Absence($settings, $this->pending, $warnings);
    }

    public function __destruct()
    {
        if (! $this->pending->isEmpty()) {
            foreach ($this->collect()['failures'] as $failure) {
                $this->log->warning('rustecho: a deferred event was not published.', $failure);
            }
        }
    }

    public function publish(
        array $channels,
        string $event,
        string $json,
        ?string $socketId,
        ?string $id = null,
        ?string $ack = null,
        bool $more = false,
        ?string $trace = null,
        ?int $timeoutMs = null,
    ): Receipt {
        $deadline = $this->deadline($timeoutMs);
        $ack ??= $this->settings->ackOrDefault();
        $id = $id === null ? $this->ids->next() : (string) hex2bin($id);
        $time = (int) (microtime(true) * 1_000_000);
        $answered = $ack !== 'none';
        $spoolable = $answered && $this->settings->spools();
        $trace ??= '';
        $frame = Frame::publish($id, $channels, $event, $json, $socketId ?? '', $answered, $time, $trace, spoolable: $spoolable);
        do {
            $away = $this->absence->reason(fn () => $this->ask($deadline)) ?? $this->askLimit(strlen($json), $deadline);
            Frame::checkData(strlen($json), $this->answers->maxData ?? Frame::MAX_BODY_BYTES);
            $spooled = $away === null ? null : $this->absence->waitBehind($id, $frame, $away, $deadline);
            if ($spooled !== null) {
                return $spooled;
            }
        } while ($away !== null);
        if ($ack === 'deferred' || ($more && ! $answered)) {
            return $this->defer($id, $frame, $answered, $more, $deadline);
        }
        try {
            return $this->exchange($deadline, ! $answered, $frame, fn (Connection $open): Receipt => $answered
                ? $this->answers->receipt($open, $id, $deadline)
                : new Receipt(bin2hex($id), null, false));
        } catch (ConnectionFailed | Timeout | Refused $error) {
            $this->absence->begins($error, $deadline);

            return $this->absence->take($id, $frame, $error, $deadline);
        }
    }

    public function collect(bool $wait = true): array
    {
        if ($wait ? ! $this->pending->isEmpty() : $this->pending->hasUnsent()) {
            $this->settle($this->deadline(), $wait);
        }

        return $this->pending->report();
    }

    /**
     * Asks the sidecar whether it is there.
     *
     * @return array{sidecar: string, oldest: int, newest: int, max_data: int, ...}
     *
     * @throws \Rustecho\Exception
     */
    public function hello(): array
    {
        $deadline = $this->deadline();

        return $this->kept->run($deadline, function (Connection $open) use ($deadline): array {
            $open->write(Introduction::frame(), $deadline);

            return $this->answers->welcome($open, $deadline);
        }, false);
    }

    private function deadline(?int $timeoutMs = null): Deadline
    {
        return Deadline::after($timeoutMs ?? $this->settings->timeoutOrDefault());
    }

    /**
     * Writes what was held back and the frame, and does what is then to be done.
     *
     * @template T
     * @param bool $drain whether the answers that are there are read first, since nobody will wait for them
     * @param callable(Connection): T $then
     * @param bool $isEvent whether the frame is one
     * @return T
     */
    private function exchange(Deadline $deadline, bool $drain, string $frame, callable $then, bool $isEvent = true): mixed
    {
        $exchange = function (Connection $open, bool $fresh) use ($deadline, $drain, $frame, $then): mixed {
            array_map($this->answers->note(...), $drain ? $open->drain() : []);
            $open->write($this->pending->toWrite($fresh) . $frame, $deadline);
            $this->pending->written();

            return $then($open);
        };
        $result = $this->kept->run($deadline, $exchange, $isEvent || ! $this->pending->isEmpty());
        $this->absence->isOver();

        return $result;
    }

    private function defer(string $id, string $frame, bool $answered, bool $more, Deadline $deadline): Receipt
    {
        $this->pending->push($id, $frame, $answered);
        $full = $this->pending->isFull();
        $spooled = ($full || ! $more || $this->pending->isGathered()) && $this->settle($deadline, $full);

        return new Receipt(bin2hex($id), null, false, $spooled);
    }

    /** Writes the deferred events, and reads their answers if it is to wait. Whether they have been spooled instead. */
    private function settle(Deadline $deadline, bool $wait): bool
    {
        try {
            return $this->exchange($deadline, ! $wait, '', function (Connection $open) use ($deadline, $wait): bool {
                while ($wait && ! $this->pending->isEmpty()) {
                    $this->answers->note($open->read($deadline));
                }

                return false;
            });
        } catch (ConnectionFailed | Timeout | Refused $error) {
            return $this->absence->begins($error, $deadline);
        }
    }

    /**
     * Data over the limit as far as it is known is only written when the sidecar says that it takes so much by now.
     *
     * @return Exception|null why it could not be asked
     */
    private function askLimit(int $bytes, Deadline $deadline): ?Exception
    {
        if ($bytes <= ($this->answers->maxData ?? Frame::DEFAULT_MAX_DATA_BYTES)) {
            return null;
        }
        $error = $this->ask($deadline);

        return ! $error instanceof Timeout ? $error : new Timeout(
            'the sidecar at ' . Place::shown($this->settings->socketPath())
            . " did not say in time whether it takes $bytes bytes; the event was not published. " . Place::SILENT,
            0,
            $error,
        );
    }

    /** Asks the sidecar what it takes; why it could not be asked, if so. */
    private function ask(Deadline $deadline): ?Exception
    {
        try {
            $welcome = fn (Connection $open): array => $this->answers->welcome($open, $deadline);
            $this->exchange($deadline, false, Introduction::frame(), $welcome, false);

            return null;
        } catch (ConnectionFailed | Timeout | Refused $error) {
            $this->absence->begins($error, $deadline);

            return $error;
        }
    }
}
