<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Queue\Jobs\SyncJob;
use Rustecho\Laravel\Tracing\TraceParent;

/**
 * The queued broadcast that this worker is at, and the ids of what it publishes.
 *
 * They derive from the job, so that one that is tried three times publishes the same events three times, and the sidecar emits
 * each once. Only jobs that are broadcasts and nothing else are meant: another job that is tried again may have more to say.
 */
final class CurrentJob
{
    /** Where a job's payload keeps the traceparent of whoever queued it. */
    public const TRACE = 'rustecho_traceparent';

    /** @var list<Job> a job on the sync connection runs inside another one */
    private array $jobs = [];
    private ?string $broadcast = null;
    private ?string $trace = null;
    private bool $known = true;
    /** @var array<string, int> */
    private array $counts = [];

    public function begin(Job $job): void
    {
        $this->jobs[] = $job;
        $this->forget();
    }

    public function end(): void
    {
        array_pop($this->jobs);
        $this->forget();
    }

    /** Whether it is a broadcast, and in a queue that tries again what fails: the connection sync has none. */
    public function canBeTriedAgain(): bool
    {
        return $this->number() !== null && ! $this->jobs[count($this->jobs) - 1] instanceof SyncJob;
    }

    /**
     * The id of the next event of this name on these channels; null where there is nothing to derive it from.
     *
     * @param list<string> $channels
     */
    public function eventId(array $channels, string $event): ?string
    {
        $number = $this->number();
        if ($number === null) {
            return null;
        }
        $what = json_encode([$number, $event, $channels], JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
        $count = $this->counts[$what] = ($this->counts[$what] ?? 0) + 1;

        return substr(hash('sha256', "rustecho event $count of $what"), 0, 32);
    }

    /** The traceparent of the request that queued the job. */
    public function trace(): ?string
    {
        $this->look();

        return $this->trace;
    }

    /** The job's own number, which stays when it is tried again; null: no broadcast. */
    private function number(): ?string
    {
        $this->look();

        return $this->broadcast;
    }

    private function look(): void
    {
        if (! $this->known) {
            $this->known = true;
            $job = $this->jobs[count($this->jobs) - 1];
            $payload = $job->payload();
            $command = (string) ($payload['data']['commandName'] ?? '');
            $number = (string) ($payload['uuid'] ?? $job->getJobId());
            $this->broadcast = is_a($command, BroadcastEvent::class, true) && $number !== '' ? $number : null;
            $this->trace = TraceParent::checked($payload[self::TRACE] ?? null);
        }
    }

    private function forget(): void
    {
        [$this->broadcast, $this->trace, $this->known, $this->counts] = [null, null, $this->jobs === [], []];
    }
}
