<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Contracts\Queue\Job as JobContract;
use Illuminate\Queue\Jobs\Job;

/** A job as a worker takes it from a queue that can try it again. */
final class WaitingJob extends Job implements JobContract
{
    public function __construct(private string $uuid, private string $command)
    {
    }

    public function getJobId(): string
    {
        return $this->uuid;
    }

    public function getRawBody(): string
    {
        return (string) json_encode(['uuid' => $this->uuid, 'data' => ['commandName' => $this->command]]);
    }

    public function attempts(): int
    {
        return 1;
    }
}
