<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

/** What messages say of the socket: where it is, and as whom this process comes to it. */
final class Place
{
    /** Of what takes connections, and does not say in time that it is rustecho. */
    public const SILENT = 'Is it hung or overloaded, or is this not the path in its setting unixSocket.path?';

    public static function shown(string $path): string
    {
        return "$path as user " . self::user();
    }

    public static function user(): string
    {
        $id = function_exists('posix_geteuid') ? posix_geteuid() : getmyuid();

        return (string) (function_exists('posix_getpwuid') ? (posix_getpwuid($id)['name'] ?? $id) : $id);
    }
}
