<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Contracts\Redis\Factory;

/** A Redis that only remembers what is published on it. */
final class RecordingRedis implements Factory
{
    /** @var list<array{?string, string, string}> connection, channel, message */
    public array $published = [];
    private ?string $name = null;

    /** @param int $listeners how many there are for each channel */
    public function __construct(private readonly int $listeners = 1)
    {
    }

    public function connection($name = null): self
    {
        $this->name = $name;

        return $this;
    }

    public function publish(string $channel, string $message): int
    {
        $this->published[] = [$this->name, $channel, $message];

        return $this->listeners;
    }
}
