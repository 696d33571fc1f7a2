<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

/** After a failure the sidecar is left alone for a while, so that not every call of this process pays for it. */
final class Breaker
{
    private const FIRST = 16; // the first rest is this part of the longest

    private int $until = 0; // on hrtime()'s clock; 0: closed
    private int $step = 0;
    private string $reason = '';

    /** Milliseconds for which the sidecar is still left alone; 0: ask it. */
    public function resting(): int
    {
        return $this->until === 0 ? 0 : max(0, (int) ceil(($this->until - hrtime(true)) / 1e6));
    }

    public function reason(): string
    {
        return $this->reason;
    }

    /**
     * A rest begins, twice as long as the last one. A failure that cost nothing keeps it as short as the first.
     *
     * @param int $longest milliseconds
     */
    public function failed(int $longest, bool $atOnce, string $reason): void
    {
        $first = intdiv($longest * 1_000_000, self::FIRST);
        $this->step = $atOnce ? $first : min(max(2 * $this->step, $first), $longest * 1_000_000);
        $this->until = hrtime(true) + $this->step;
        $this->reason = $reason;
    }

    public function succeeded(): void
    {
        if ($this->until !== 0) {
            [$this->until, $this->step, $this->reason] = [0, 0, ''];
        }
    }
}
