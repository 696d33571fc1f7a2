<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Psr\Log\AbstractLogger;
use Psr\Log\LoggerInterface;
use Throwable;

/** For lines that are worth less than the event they accompany: a log that cannot be written does not fail it. */
final class QuietLog extends AbstractLogger
{
    public function __construct(private readonly LoggerInterface $log)
    {
    }

    /**
     * @param mixed $level
     * @param mixed $message
     * @param array<string, mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        try {
            $this->log->log($level, $message, $context);
        } catch (Throwable) {
            // Such as storage/logs of another user. Laravel says so to whoever logs next.
        }
    }
}
