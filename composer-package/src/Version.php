<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

/** The release this package belongs to. Package, extension and sidecar are released together under one number. */
final class Version
{
    public const PACKAGE = '0.1.0';

    /** Whether two parts may work together: the same minor version before 1.0, the same major version from then on. */
    public static function fits(string $one, string $other): bool
    {
        return self::line($one) !== null && self::line($one) === self::line($other);
    }

    private static function line(string $version): ?string
    {
        if (preg_match('/^v?(\d+)\.(\d+)(\.|$)/', $version, $part) !== 1) {
            return null;
        }

        return $part[1] === '0' ? "0.$part[2]" : $part[1];
    }
}
