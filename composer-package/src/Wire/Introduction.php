<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Composer\InstalledVersions;
use Rustecho\Laravel\Version;
use Rustecho\Refused;

/** Who speaks, and whether the two ends understand each other. */
final class Introduction
{
    /** The frame that a connection begins with. */
    public static function frame(): string
    {
        $version = class_exists(InstalledVersions::class) && InstalledVersions::isInstalled('rustecho/laravel')
            ? (string) InstalledVersions::getPrettyVersion('rustecho/laravel') : 'dev';

        return Frame::hello(substr("rustecho-php/$version php/" . PHP_VERSION . ' ' . PHP_SAPI, 0, 255), (int) getmypid());
    }

    /**
     * @param array<string, mixed> $welcome
     *
     * @throws Refused
     */
    public static function check(array $welcome): void
    {
        if (! Frame::isSpoken($welcome['oldest'], $welcome['newest'])) {
            throw new Refused(
                "the sidecar {$welcome['sidecar']} speaks protocol versions {$welcome['oldest']} to {$welcome['newest']}, "
                . 'the package ' . Version::PACKAGE . ' does not: install one release of both',
                Frame::VERSION_NOT_SPOKEN,
            );
        }
    }
}
