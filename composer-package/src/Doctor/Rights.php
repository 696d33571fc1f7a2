<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/** What a user may do with a file, by owner, group and mode: the doctor looks for the web's user, who is somebody else. */
final class Rights
{
    public const ENTER = 01;
    public const WRITE = 02;

    private function __construct(public readonly string $user)
    {
    }

    /** Of the user that the visit names, else of whoever runs the doctor. */
    public static function of(Visit $visit): self
    {
        return new self($visit->user ?? self::me());
    }

    /** Who runs in a container often has a number only. */
    private static function me(): string
    {
        return (string) (posix_getpwuid(posix_geteuid())['name'] ?? posix_geteuid());
    }

    public function may(int $right, string $path): bool
    {
        clearstatcache();
        if ($this->areMine()) {
            // The system knows more than owner, group and mode: all groups of this process, and access lists.
            return (($right & self::WRITE) === 0 || is_writable($path)) && (($right & self::ENTER) === 0 || is_executable($path));
        }
        $entry = posix_getpwnam($this->user);
        if ($entry === false || $entry['uid'] === 0) {
            return $entry !== false;
        }
        $stat = @stat($path);
        if ($stat === false) {
            return false;
        }
        $shift = match (true) {
            $stat['uid'] === $entry['uid'] => 6,
            $this->isIn($stat['gid'], $entry['gid']) => 3,
            default => 0,
        };

        return (($stat['mode'] >> $shift) & $right) === $right;
    }

    /** Whether it is the user who runs the doctor. */
    public function areMine(): bool
    {
        return $this->user === self::me() || (posix_getpwnam($this->user)['uid'] ?? null) === posix_geteuid();
    }

    /** The first folder above the path, from the root down, that the user may not enter. */
    public function closedAbove(string $path): ?string
    {
        $folders = [];
        for ($folder = dirname($path); ! in_array($folder, ['/', '.', ''], true); $folder = dirname($folder)) {
            array_unshift($folders, $folder);
        }
        foreach ($folders as $folder) {
            if (is_dir($folder) && ! $this->may(self::ENTER, $folder)) {
                return $folder;
            }
        }

        return null;
    }

    /** As in `root:www-data, mode 0660`. */
    public static function shown(string $path): string
    {
        $owner = posix_getpwuid((int) fileowner($path))['name'] ?? fileowner($path);
        $group = posix_getgrgid((int) filegroup($path))['name'] ?? filegroup($path);

        return sprintf('%s:%s, mode %04o', $owner, $group, fileperms($path) & 07777);
    }

    private function isIn(int $group, int $own): bool
    {
        return $own === $group || in_array($this->user, posix_getgrgid($group)['members'] ?? [], true);
    }
}
