<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

/** One moment until which a whole call (connect, write, read) may last. */
final class Deadline
{
    private function __construct(private readonly int $nanoseconds)
    {
    }

    public static function after(int $milliseconds): self
    {
        return new self(hrtime(true) + $milliseconds * 1_000_000);
    }

    /** Microseconds that are left, never below 0. */
    public function left(): int
    {
        return max(0, intdiv($this->nanoseconds - hrtime(true), 1_000));
    }
}
