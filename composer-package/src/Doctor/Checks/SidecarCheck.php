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

/** Does the sidecar answer on its socket, and is it of this release? */
final class SidecarCheck implements Check
{
    private const PROTOCOL = 1;

    public function run(Visit $visit): iterable
    {
        try {
            $welcome = (new StreamPublisher($visit->settings, new NullLogger()))->hello();
        } catch (Exception $silence) {
            yield Finding::problem(
                rtrim($silence->getMessage(), '.'),
                'Start the sidecar (php artisan rustecho:start), or read its log. If it hangs, restart it.',
            );

            return;
        }
        $version = $welcome['sidecar'];
        $speaks = $welcome['oldest'] <= self::PROTOCOL && self::PROTOCOL <= $welcome['newest'];
        yield Version::fits($version, Version::PACKAGE) && $speaks
            ? Finding::good("the sidecar $version answers, with protocol {$welcome['oldest']} to {$welcome['newest']}")
            : Finding::problem(
                "the sidecar is $version (protocol {$welcome['oldest']} to {$welcome['newest']}), the package is "
                    . Version::PACKAGE . ' (protocol ' . self::PROTOCOL . ')',
                'Install the same release of sidecar, extension and package, and restart the sidecar.',
            );
    }
}
