<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;

/** Is the Unix socket there, and may PHP's user open it? */
final class SocketCheck implements Check
{
    private const EXECUTE = 01;
    private const WRITE = 02;

    public function run(Visit $visit): iterable
    {
        $path = $visit->settings->socketPath();
        clearstatcache();
        $user = $visit->user ?? (string) (posix_getpwuid(posix_geteuid())['name'] ?? posix_geteuid());
        foreach ($this->foldersAbove($path) as $folder) {
            if (is_dir($folder) && ! $this->may($user, $folder, self::EXECUTE)) {
                yield Finding::problem(
                    "the user $user may not enter $folder, which the socket $path is in",
                    "Let the sidecar make the folder for PHP's group, or: chmod o+x $folder.",
                );

                return;
            }
        }
        if (! file_exists($path)) {
            yield Finding::problem(
                "there is no socket $path",
                'Start the sidecar (php artisan rustecho:start). If it runs: its unixSocket.path and RUSTECHO_SOCKET here must '
                    . 'be the same; its first lines say where it listens.',
            );
        } elseif (filetype($path) !== 'socket') {
            $kind = filetype($path);
            yield Finding::problem("$path is a $kind, not a socket", 'Correct RUSTECHO_SOCKET: it names the wrong path.');
        } elseif (! $this->may($user, $path, self::WRITE)) {
            yield Finding::problem(
                "the user $user may not write to the socket $path ({$this->rights($path)})",
                "Set unixSocket.group to a group of $user and unixSocket.mode to \"0660\" in the sidecar's configuration.",
            );
        } else {
            yield Finding::good("the socket $path is there, and the user $user may write to it");
        }
    }

    /** @return list<string> from the root down */
    private function foldersAbove(string $path): array
    {
        $folders = [];
        for ($folder = dirname($path); ! in_array($folder, ['/', '.', ''], true); $folder = dirname($folder)) {
            array_unshift($folders, $folder);
        }

        return $folders;
    }

    private function may(string $user, string $path, int $right): bool
    {
        $entry = posix_getpwnam($user);
        if ($entry === false || $entry['uid'] === 0) {
            return $entry !== false;
        }
        $stat = stat($path);
        if ($stat === false) {
            return false;
        }
        $shift = match (true) {
            $stat['uid'] === $entry['uid'] => 6,
            $this->inGroup($user, $entry['gid'], $stat['gid']) => 3,
            default => 0,
        };

        return (bool) (($stat['mode'] >> $shift) & $right);
    }

    private function inGroup(string $user, int $own, int $gid): bool
    {
        return $own === $gid || in_array($user, posix_getgrgid($gid)['members'] ?? [], true);
    }

    private function rights(string $path): string
    {
        $owner = posix_getpwuid((int) fileowner($path))['name'] ?? fileowner($path);
        $group = posix_getgrgid((int) filegroup($path))['name'] ?? filegroup($path);

        return sprintf('%s:%s, mode %04o', $owner, $group, fileperms($path) & 07777);
    }
}
