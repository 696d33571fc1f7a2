<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

/**
 * How fast one may spool while a sidecar drains: each event waits longer than the one before, as it would wait for receipts, or
 * the sidecar could never catch up.
 */
final class Pace
{
    private const FIRST_US = 20;
    private const SLOWEST_US = 10_000;
    private const DRAINS_NS = 10_000_000_000; // a sidecar that has drained nothing for so long is taken for gone

    private int $pause = self::FIRST_US;
    private int $seen = 0;

    /** A sidecar is draining. */
    public function drains(): void
    {
        $this->seen = hrtime(true);
    }

    /** When it was last seen draining, by hrtime(), in nanoseconds; 0 for never. */
    public function seen(): int
    {
        return $this->seen;
    }

    /** It has caught up, or there is another file to begin with. */
    public function begin(): void
    {
        [$this->pause, $this->seen] = [self::FIRST_US, 0];
    }

    public function keep(Deadline $deadline): void
    {
        if ($this->seen !== 0 && hrtime(true) - $this->seen < self::DRAINS_NS) {
            usleep(min($this->pause, intdiv($deadline->left(), 2)));
            $this->pause = min(2 * $this->pause, self::SLOWEST_US);
        }
    }
}
