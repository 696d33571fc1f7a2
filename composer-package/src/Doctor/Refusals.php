<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/** What it means that the sidecar was not told "yes" about a channel that Laravel grants. */
final class Refusals
{
    /** @param int|null $status of Laravel's answer as the sidecar saw it; 0: it got none; null: the sidecar said nothing */
    public static function explain(?int $status, Visit $visit): Finding
    {
        $host = self::authHost($visit);
        $log = storage_path('logs');

        return match (true) {
            $status === null => Finding::problem(
                'the sidecar did not say within its time what Laravel answers',
                "$host is slow or hangs. Note that `php artisan serve` answers one request at a time.",
            ),
            $status === 0 => Finding::problem(
                "the sidecar cannot reach Laravel, or gets an answer that makes no sense, at $host",
                'Set authHost to where the site is, seen from the sidecar, and authEndpoint to the route. Its log says more.',
            ),
            $status === 419 => Finding::problem(
                'the auth route checks the CSRF token (419)',
                'Take it out of the check: add broadcasting/auth to $except of the VerifyCsrfToken middleware (from 11 on: '
                    . 'validateCsrfTokens(except: [...]) in bootstrap/app.php), or remove your route: this package makes one.',
            ),
            $status === 401 || ($status === 403 && $visit->granted !== null) => Finding::problem(
                "Laravel answers $status: the middleware of the auth route takes the visitor for nobody",
                $visit->headers === [] ? 'Look as a visitor: --header="Authorization: Bearer …" or --header="Cookie: …".'
                    : 'The given headers do not log anybody in, or that user may not have the channel.',
            ),
            $status === 403 => Finding::problem(
                'Laravel denies (403) a channel of the doctor, which this application would grant',
                "Does $host lead to this application, with this APP_KEY, and is rustecho its default connection?",
            ),
            $status === 404 || $status === 405 => Finding::problem(
                "there is no auth route ($status) at $host",
                'Compare the sidecar\'s authEndpoint with `php artisan route:list`; under route:cache, cache anew.',
            ),
            $status >= 300 && $status < 400 => Finding::problem(
                "the auth route redirects ($status)",
                'Name in authHost where it leads to (https, www). If that is a login page, look as a visitor: --header=….',
            ),
            $status >= 500 => Finding::problem("Laravel fails with $status", "Its log says why: $log."),
            default => Finding::problem("Laravel answers $status", "Its log may say why: $log."),
        };
    }

    private static function authHost(Visit $visit): string
    {
        $hosts = $visit->sidecarConfig?->get('authHost');

        return $hosts === null ? 'its authHost' : 'authHost ' . implode(', ', (array) $hosts);
    }
}
