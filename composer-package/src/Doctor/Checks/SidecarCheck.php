<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Version;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Timeout;

/** Does the sidecar answer on its socket, and is it of this release? */
final class SidecarCheck implements Check
{
    private const TRIES = 4;

    public function run(Visit $visit): iterable
    {
        try {
            $welcome = $this->welcome($visit);
        } catch (Exception $silence) {
            yield $visit->absence('sidecar-silent', ['reason' => rtrim($silence->getMessage(), '.')]);
            $visit->sidecarIsAway();

            return;
        }
        $version = $welcome['sidecar'];
        $speaks = Frame::isSpoken($welcome['oldest'], $welcome['newest']);
        yield Version::fits($version, Version::PACKAGE) && $speaks
            ? Finding::good("the sidecar $version answers, with protocol {$welcome['oldest']} to {$welcome['newest']}")
            : Finding::problem('sidecar-release', [
                'version' => $version,
                'versions' => "protocol {$welcome['oldest']} to {$welcome['newest']}",
                'package' => Version::PACKAGE . ' (protocol ' . Frame::VERSION . ')',
            ]);
    }

    /**
     * A machine that is busy for a moment is not ill; a sidecar that hangs does not answer later either.
     *
     * @return array{sidecar: string, oldest: int, newest: int}
     */
    private function welcome(Visit $visit, int $tries = self::TRIES): array
    {
        try {
            return (new StreamPublisher($visit->settings, new NullLogger()))->hello();
        } catch (Timeout $late) {
            return $tries > 1 ? $this->welcome($visit, $tries - 1) : throw $late;
        }
    }
}
