<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Psr\Log\AbstractLogger;

/** Keeps what is logged, level and context included. */
final class MemoryLog extends AbstractLogger
{
    /** @var list<string> */
    public array $lines = [];

    /**
     * @param mixed $level
     * @param string|\Stringable $message
     * @param array<mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        $this->lines[] = "$level: $message " . json_encode($context);
    }
}
