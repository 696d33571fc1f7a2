<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Notifications\Notification;
use Illuminate\Notifications\SendQueuedNotifications;
use Rustecho\Laravel\Tracing\TraceParent;

/** One job that a worker is at, and the numbers that what it publishes derives from. */
final class RunningJob
{
    /** @var array<mixed>|null null: not looked at yet */
    private ?array $payload = null;
    /** @var array<string, int> */
    private array $counts = [];

    public function __construct(public readonly Job $job)
    {
    }

    /** What stays when the broadcast is tried again; null: the job is no broadcast. */
    public function ofBroadcast(): ?string
    {
        $origin = $this->payload()[CurrentJob::ORIGIN] ?? null;

        return $this->is(BroadcastEvent::class) ? (is_string($origin) ? $origin : $this->uuid()) : null;
    }

    /**
     * What stays when the job, which sends this notification, is tried again; null: it does not send it.
     *
     * The job's own number is in it: an application may give two notifications one id.
     */
    public function ofNotification(Notification $notification): ?string
    {
        $uuid = $this->uuid();
        $sends = $uuid !== null && $this->is(SendQueuedNotifications::class)
            && ($this->payload()['displayName'] ?? null) === get_class($notification);

        return $sends ? "$uuid $notification->id" : null;
    }

    public function sendsNotifications(): bool
    {
        return $this->is(SendQueuedNotifications::class);
    }

    public function trace(): ?string
    {
        return TraceParent::checked($this->payload()[CurrentJob::TRACE] ?? null);
    }

    /** The how many-th of these it is in this job, from 1. */
    public function count(string $what): int
    {
        return $this->counts[$what] = ($this->counts[$what] ?? 0) + 1;
    }

    private function uuid(): ?string
    {
        $uuid = (string) ($this->payload()['uuid'] ?? $this->job->getJobId());

        return $uuid === '' ? null : $uuid;
    }

    private function is(string $class): bool
    {
        return is_a((string) ($this->payload()['data']['commandName'] ?? ''), $class, true);
    }

    /** @return array<mixed> */
    private function payload(): array
    {
        return $this->payload ??= (array) $this->job->payload();
    }
}
