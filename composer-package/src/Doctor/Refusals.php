<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/** What it means that the sidecar was not told "yes" about a channel that Laravel grants. */
final class Refusals
{
    /** @param int|null $status of Laravel's answer as the sidecar saw it; 0: it got none; null: the sidecar said nothing */
    public static function explain(?int $status, Visit $visit): Finding
    {
        $where = ['host' => self::authHost($visit), 'log' => storage_path('logs'), 'status' => (string) $status];

        return match (true) {
            $status === null => Finding::problem('auth-silent', $where),
            $status === 0 => Finding::problem('auth-unreachable', $where),
            $status === 419 => Finding::problem('auth-csrf'),
            $status === 401 || ($status === 403 && $visit->granted !== null) => Finding::problem(
                $visit->headers === [] ? 'auth-nobody' : 'auth-wrong-visitor',
                $where,
            ),
            $status === 403 => Finding::problem('auth-denied', $where),
            $status === 404 || $status === 405 => Finding::problem('auth-missing', $where),
            $status >= 300 && $status < 400 => Finding::problem('auth-redirect', $where),
            $status >= 500 => Finding::problem('auth-fails', $where),
            default => Finding::problem('auth-odd', $where),
        };
    }

    private static function authHost(Visit $visit): string
    {
        $hosts = $visit->sidecarConfig?->get('authHost');

        return $hosts === null ? 'its authHost' : 'authHost ' . implode(', ', (array) $hosts);
    }
}
