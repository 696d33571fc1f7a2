<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Rights;
use Rustecho\Laravel\Doctor\Visit;

/** Is the Unix socket there, and may PHP's user open it? */
final class SocketCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $path = $visit->settings->socketPath();
        $rights = Rights::of($visit);
        $closed = $rights->closedAbove($path);
        clearstatcache();
        $finding = match (true) {
            $closed !== null => Finding::problem(
                'socket-folder',
                ['user' => $rights->user, 'folder' => $closed, 'path' => $path],
            ),
            ! file_exists($path) => Finding::problem('socket-missing', ['path' => $path]),
            filetype($path) !== 'socket' => Finding::problem(
                'socket-kind',
                ['path' => $path, 'kind' => (string) filetype($path)],
            ),
            ! $rights->may(Rights::WRITE, $path) => Finding::problem(
                'socket-rights',
                ['user' => $rights->user, 'path' => $path, 'rights' => Rights::shown($path)],
            ),
            default => Finding::good("the socket $path is there, and the user $rights->user may write to it"),
        };
        // Another user's rights are not what keeps the doctor out.
        if ($finding->isProblem() && (in_array($finding->id, ['socket-missing', 'socket-kind'], true) || $rights->areMine())) {
            $visit->sidecarIsAway();
        }
        yield $finding;
    }
}
