<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Contracts\Queue\Job;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Queue\Jobs\SyncJob;
use Rustecho\Laravel\EventBeingBroadcast;

/**
 * The queued broadcast that this worker is at, and the ids of what it publishes.
 *
 * They derive from the job, so that one that is tried three times publishes the same events three times, and the sidecar emits
 * each once. Only jobs that are broadcasts and nothing else are meant, and those that send a notification: each of their tries
 * makes a broadcast anew. Another job that is tried again may have more to say.
 */
final class CurrentJob
{
    /** Where a job's payload keeps the traceparent of whoever queued it. */
    public const TRACE = 'rustecho_traceparent';
    /** Where that of a notification's broadcast keeps what the ids derive from. */
    public const ORIGIN = 'rustecho_origin';

    /** @var list<RunningJob> a job on the sync connection runs inside another one */
    private array $jobs = [];

    public function begin(Job $job): void
    {
        $this->jobs[] = new RunningJob($job);
    }

    public function end(): void
    {
        array_pop($this->jobs);
    }

    /** No job is being worked at, as in most requests: then there is nothing to ask. */
    public function isNone(): bool
    {
        return $this->jobs === [];
    }

    /** Whether it is a broadcast, and in a queue that tries again what fails: the connection sync has none. */
    public function canBeTriedAgain(): bool
    {
        $running = $this->running();

        return $running?->ofBroadcast() !== null && ! $running->job instanceof SyncJob;
    }

    /**
     * The id of the next event of this name on these channels; null where there is nothing to derive it from.
     *
     * @param list<string> $channels
     */
    public function eventId(array $channels, string $event): ?string
    {
        $running = $this->running();
        $number = $running?->ofBroadcast() ?? $this->ofNotificationAtOnce();
        if ($running === null || $number === null) {
            return null;
        }
        $what = json_encode([$number, $event, $channels], JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);

        return substr(hash('sha256', "rustecho event {$running->count($what)} of $what"), 0, 32);
    }

    /** What the ids of a broadcast derive from that becomes a job of its own now; null: from that job. */
    public function origin(BroadcastNotificationCreated $event): ?string
    {
        $running = $this->running();
        $number = $running?->ofNotification($event->notification);

        return $number === null ? null : "$number {$running->count($number)}";
    }

    /** The traceparent of the request that queued the job. */
    public function trace(): ?string
    {
        return $this->running()?->trace();
    }

    private function ofNotificationAtOnce(): ?string
    {
        $running = $this->running();
        // To look for the event costs something.
        $event = $running?->sendsNotifications() ? EventBeingBroadcast::find() : null;

        return $event instanceof BroadcastNotificationCreated ? $running?->ofNotification($event->notification) : null;
    }

    private function running(): ?RunningJob
    {
        return $this->jobs === [] ? null : $this->jobs[count($this->jobs) - 1];
    }
}
