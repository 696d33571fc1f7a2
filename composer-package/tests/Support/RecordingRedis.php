<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Contracts\Redis\Factory;

/** A Redis that only remembers what is published on it. */
final class RecordingRedis implements Factory
{
    /** @var list<array{?string, string, string}> connection, channel, message */
    public array $published = [];
    /** @var array<string, int|false> by channel; to others one listens */
    public array $listeners = [];
    private ?string $name = null;

    public function connection($name = null): self
    {
        $this->name = $name;

        return $this;
    }

    public function publish(string $channel, string $message): int|false
    {
        $this->published[] = [$this->name, $channel, $message];

        return $this->listeners[$channel] ?? 1;
    }
}
