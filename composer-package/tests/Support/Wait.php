<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use RuntimeException;

final class Wait
{
    /** Looks again and again until the condition holds, or fails by its name. */
    public static function until(callable $condition, string $name, float $seconds = 20.0): void
    {
        $end = microtime(true) + $seconds;
        while (! $condition()) {
            if (microtime(true) > $end) {
                throw new RuntimeException("Within $seconds s it did not happen that $name.");
            }
            usleep(5_000);
        }
    }
}
