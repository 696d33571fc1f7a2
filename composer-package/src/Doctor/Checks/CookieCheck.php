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
                'APP_URL or --url is not an address with a host: ' . var_export($visit->config('app.url'), true),
                'Set APP_URL in .env to the address of the site.',
            ),
            $domain !== '' && ! $this->within($site, $domain) => Finding::problem(
                "browsers refuse the session cookie: its domain is $domain, the site is $site",
                'Correct SESSION_DOMAIN or APP_URL in .env.',
            ),
            $socket !== $site && ! ($domain !== '' && $this->within($socket, $domain)) => Finding::problem(
                "browsers do not send the session cookie to $socket, since it belongs to " . ($domain ?: $site),
                'Reach the sidecar through the site itself (deploy/nginx/rustecho.conf), or set SESSION_DOMAIN to a domain that '
                    . 'both are in, or use bearer tokens.',
            ),
            $secure && str_starts_with($visit->publicUrl, 'http:') => Finding::problem(
                "browsers send the session cookie over https only (session.secure), but the sidecar is at $visit->publicUrl",
                'Use an https address, or set SESSION_SECURE_COOKIE=false for development.',
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
