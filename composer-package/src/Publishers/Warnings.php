<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Psr\Log\LoggerInterface;
use Rustecho\ConnectionFailed;
use Rustecho\Laravel\Reason;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Version;

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

    /** Whether to look of which release the sidecar is, where that has a price. */
    public function askForSidecar(Settings $settings): bool
    {
        return $this->seldom->isDue(self::SECONDS_BETWEEN, "release at {$settings->socketPath()}");
    }

    /** What it says of itself; with the same protocol it may work all the same. */
    public function sidecarIs(string $release): void
    {
        if (! Version::fits($release, Version::PACKAGE) && $this->seldom->isDue(self::SECONDS_BETWEEN, "release $release")) {
            $this->log->warning("rustecho: the sidecar is $release, the package is " . Version::PACKAGE
                . ', and they do not fit together: install one release of both.');
        }
    }
}
