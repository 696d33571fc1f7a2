<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Closure;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Queue\Jobs\SyncJob;
use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Fallback;
use Rustecho\Laravel\Contracts\Road;
use Rustecho\Laravel\Publishers\Observer;
use Rustecho\Laravel\Reason;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tracing\TraceParent;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Refused;
use Rustecho\Timeout;
use Throwable;

/** What goes for all events of the application: ids, deferred receipts, events that travel together, and what failed. */
final class Delivery
{
    private int $together = 0;
    private bool $receipts = false;
    /** What failed first where events were collected before the outermost together() had ended. */
    private ?BroadcastException $failed = null;

    /** @param Closure(Throwable): void $report tells the application's exception handler */
    public function __construct(
        public readonly CurrentJob $job,
        private readonly Deferred $deferred,
        private readonly Closure $report,
        private readonly ?Observer $observer = null,
        private readonly Shutdown $shutdown = new Shutdown(),
    ) {
    }

    /**
     * Takes an event in its parts: most are gone before anybody needs the whole.
     *
     * @param list<string> $channels full wire names
     * @param int|null $timeMs how long it may take, in place of the setting
     *
     * @throws Exception where there is no fallback, or the event is no good
     */
    public function publish(
        array $channels,
        string $name,
        string $json,
        ?string $socketId,
        Road $road,
        Settings $settings,
        ?Fallback $fallback,
        bool $more = false,
        ?int $timeMs = null,
    ): Receipt {
        $isOfJob = ! $this->job->isNone();
        $id = $isOfJob ? $this->job->eventId($channels, $name) : null;
        [$ack, $more] = $this->manner($settings->ackOrDefault(), $more);
        // Otherwise the road draws one, for less.
        $id ??= $fallback === null ? null : bin2hex(random_bytes(16));
        $trace = TraceParent::current() ?? ($isOfJob ? $this->job->trace() : null);
        try {
            $receipt = $road->publish($channels, $name, $json, $socketId, $id, $ack, $more, $trace, $timeMs);
        } catch (ConnectionFailed | Timeout | Refused $error) {
            if ($fallback === null || ($error instanceof Refused && $error->getCode() !== Frame::TRY_LATER)) {
                throw $error;
            }
            // What was published before and has failed comes before it there, too.
            $this->collect();
            $fallback->take((new Event($channels, $name, $json, $socketId))->withId((string) $id), $error);

            return new Receipt((string) $id, null, false, diverted: true);
        }
        if (($ack === 'deferred' || $more) && ! $receipt->spooled) {
            $event = new Event($channels, $name, $json, $socketId);
            $this->deferred->add($event->withId($receipt->id), $road, $fallback);
            $this->shutdown->ends($this);
            if ($this->deferred->isFull()) {
                $this->collect();
            }
        }

        return $receipt;
    }

    /**
     * Runs the callback; the events in it travel in one write. With the setting `receipt` the receipts of all are awaited
     * afterwards, together.
     *
     * @template T
     * @param callable(): T $callback
     * @return T
     *
     * @throws BroadcastException
     */
    public function together(callable $callback): mixed
    {
        $this->together++;
        $ended = false;
        try {
            $result = $callback();
            $ended = true;

            return $result;
        } finally {
            if (--$this->together === 0) {
                $receipts = $this->receipts;
                $this->receipts = false;
                $failures = $this->settle($this->deferred->collect($receipts));
                if ($this->failed !== null) {
                    array_unshift($failures, $this->failed);
                    $this->failed = null;
                }
                // What the callback has thrown goes on as it is.
                $thrown = $receipts && $ended ? array_shift($failures) : null;
                array_map($this->report, $failures);
                if ($thrown !== null) {
                    throw $thrown;
                }
            }
        }
    }

    /** Collects the receipts of deferred events. Failures are reported; within together() its end has the first of them. */
    public function collect(): void
    {
        $failures = $this->settle($this->deferred->collect(true));
        if ($this->together > 0) {
            $this->failed ??= array_shift($failures);
        }
        array_map($this->report, $failures);
    }

    /** A job has ended; where its events travel together with others, together() collects them. */
    public function jobEnded(Job $job): void
    {
        $this->job->end();
        // What the connection sync runs is part of the request, or of the job, that queued it.
        if ($this->together === 0 && ! $job instanceof SyncJob) {
            $this->collect();
        }
    }

    /** The process, or under php-fpm the request, ends, perhaps within together(). */
    public function end(): void
    {
        $failures = $this->settle($this->deferred->collect(true));
        $failures = $this->failed === null ? $failures : [$this->failed, ...$failures];
        [$this->together, $this->receipts, $this->failed] = [0, false, null];
        array_map($this->report, $failures);
    }

    /** @return array{string, bool} ack, and whether another event follows */
    private function manner(string $ack, bool $more): array
    {
        if ($this->together > 0) {
            $this->receipts = $this->receipts || $ack === 'receipt';

            return [$ack === 'none' ? 'none' : 'deferred', true];
        }

        // A queued broadcast ends with its one event: waiting for it here lets the queue try it again.
        return $ack === 'deferred' && $this->job->canBeTriedAgain() ? ['receipt', false] : [$ack, $more && $ack !== 'receipt'];
    }

    /**
     * @param list<array{code: int, message: string, fate: int, event: ?Event, fallback: ?Fallback}> $failures
     * @return list<BroadcastException> those that nothing could be done about
     */
    private function settle(array $failures): array
    {
        $left = [];
        foreach ($failures as $failure) {
            ['code' => $code, 'message' => $message, 'event' => $event, 'fallback' => $fallback] = $failure;
            $cause = $code === 0 ? new ConnectionFailed($message, $failure['fate']) : new Refused($message, $code);
            try {
                if ($event === null || $fallback === null || ! in_array($code, [0, Frame::TRY_LATER], true)) {
                    throw $cause;
                }
                $fallback->take($event, $cause);
            } catch (Throwable $error) {
                $what = $event === null ? 'an event' : $event->shown();
                $says = "rustecho could not broadcast $what: " . Reason::of($error);
                $left[] = $failed = new BroadcastException($says, (int) $error->getCode(), $error);
                $bytes = strlen($event->json ?? '');
                $this->observer?->failed($event->channels ?? [], $event->name ?? '', $bytes, $failed, null);
            }
        }

        return $left;
    }
}
