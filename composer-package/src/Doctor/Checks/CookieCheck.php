<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;

/** Will browsers send the session cookie to the sidecar, which needs it to ask who the visitor is? */
final class CookieCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $site = $this->host((string) $visit->config('app.url'));
        $socket = $this->host($visit->publicUrl);
        $domain = ltrim((string) $visit->config('session.domain'), '.');
        $secure = (bool) $visit->config('session.secure');
        yield match (true) {
            $site === '' || $socket === '' => Finding::problem(
                'site-address',
                ['value' => var_export($visit->config('app.url'), true)],
            ),
            $domain !== '' && ! $this->within($site, $domain) => Finding::problem(
                'cookie-refused',
                ['domain' => $domain, 'site' => $site],
            ),
            $socket !== $site && ! ($domain !== '' && $this->within($socket, $domain)) => Finding::problem(
                'cookie-elsewhere',
                ['site' => $socket, 'cookie' => $domain ?: $site],
            ),
            $secure && str_starts_with($visit->publicUrl, 'http:') => Finding::problem(
                'cookie-https',
                ['url' => $visit->publicUrl],
            ),
            default => Finding::good("browsers send the session cookie to $socket"),
        };
    }

    private function host(string $url): string
    {
        return strtolower((string) parse_url($url, PHP_URL_HOST));
    }

    private function within(string $host, string $domain): bool
    {
        return $host === $domain || str_ends_with($host, ".$domain");
    }
}
