<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use Rustecho\Exception;
use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Sidecar\Unreachable;

/** Who runs PHP for the web: www-data, or a developer with `artisan serve`. That PHP says so itself when the sidecar asks it. */
final class WebUser
{
    private const DEBIANS = 'www-data';

    /**
     * @param float $seconds the longest wait for an answer
     * @return string|null null: whoever runs the doctor
     */
    public static function of(Visit $visit, float $seconds): ?string
    {
        if (! function_exists('posix_geteuid') || posix_geteuid() !== 0) {
            return null;
        }

        return self::asked($visit, $seconds) ?? (posix_getpwnam(self::DEBIANS) === false ? null : self::DEBIANS);
    }

    private static function asked(Visit $visit, float $seconds): ?string
    {
        $browser = null;
        try {
            $browser = Browser::open($visit->sidecarUrl, $visit->headers, $seconds);
            $question = new Question($browser, $visit, $seconds);
            $question->ask((new ProbeChannel((string) $visit->config('app.key')))->name());

            return $question->web()?->user;
        } catch (Exception | Unreachable) {
            // Why there is no answer is found out by the checks.
            return null;
        } finally {
            $browser?->close();
        }
    }
}
