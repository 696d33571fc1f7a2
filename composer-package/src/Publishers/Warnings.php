<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Psr\Log\LoggerInterface;
use Rustecho\ConnectionFailed;
use Rustecho\Laravel\Reason;
use Rustecho\Laravel\Settings;

/** What goes well for each event, and yet somebody should know. A restart of the sidecar is one line, not one for each event. */
final class Warnings
{
    private const SECONDS_BETWEEN = 3_600;

    /** @param LoggerInterface $log does not throw */
    public function __construct(private readonly LoggerInterface $log, private readonly Seldom $seldom)
    {
    }

    /** @param Closure(): string $reason why the sidecar could not be had */
    public function spooled(Settings $settings, Closure $reason): void
    {
        $socket = $settings->socketPath();
        if ($this->seldom->isDue(self::SECONDS_BETWEEN, "spool of $socket")) {
            $this->log->warning(
                "rustecho: events wait in the spool {$settings->spoolFolder()}: " . Reason::of(new ConnectionFailed($reason()))
                . " If the sidecar is only restarting, nothing is lost: it takes them as soon as it listens at $socket again."
                . ' A sidecar that listens elsewhere never takes them.',
            );
        }
    }
}
