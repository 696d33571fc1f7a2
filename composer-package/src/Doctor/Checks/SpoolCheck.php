<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Rights;
use Rustecho\Laravel\Doctor\Visit;

/** Where events are kept while the sidecar is away: may PHP's user write there, and does the sidecar look there? */
final class SpoolCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        if (! $visit->settings->spools()) {
            yield Finding::good('events are not spooled: on_failure says otherwise');

            return;
        }
        $folder = $visit->settings->spoolFolder();
        $config = $visit->sidecarConfig;
        $theirs = $config?->spoolFolder();
        $rights = Rights::of($visit);
        $needed = Rights::WRITE | Rights::ENTER;
        $closed = $rights->closedAbove($folder);
        // A folder that keeps the user from the socket, too, is one problem.
        $found = $closed !== null && $closed === $rights->closedAbove($visit->settings->socketPath())
            ? Finding::note(...) : Finding::problem(...);
        clearstatcache();
        yield match (true) {
            $theirs === false => Finding::problem('spool-off-there'),
            is_string($theirs) && self::place($theirs) !== self::place($folder) => Finding::problem(
                'spool-elsewhere',
                ['folder' => $folder, 'theirs' => $theirs, 'place' => (string) $config?->place('spool', 'spool.path')],
            ),
            ! is_dir($folder) => Finding::problem('spool-missing', ['folder' => $folder]),
            $closed !== null || ! $rights->may($needed, $folder) => $found(
                'spool-rights',
                ['user' => $rights->user, 'folder' => $folder, 'rights' => Rights::shown($folder)],
            ),
            default => Finding::good("events are kept in $folder while the sidecar is away"),
        };
    }

    /** One for all names that a folder has by links. */
    private static function place(string $folder): string
    {
        return realpath($folder) ?: rtrim($folder, '/');
    }
}
