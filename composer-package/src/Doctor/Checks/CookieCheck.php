<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Illuminate\Http\Request;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Symfony\Component\HttpKernel\Exception\HttpExceptionInterface;

/** Will browsers send the session cookie to the sidecar, which needs it to ask who the visitor is? */
final class CookieCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $site = $this->host((string) $visit->config('app.url'));
        $socket = $this->host($visit->publicUrl);
        $domain = ltrim((string) $visit->config('session.domain'), '.');
        $secure = (bool) $visit->config('session.secure');
        // Who knows visitors by a token need not mend what keeps the cookie away.
        $found = $this->takesTokens($visit) ? Finding::note(...) : Finding::problem(...);
        yield match (true) {
            $site === '' || $socket === '' => Finding::problem(
                'site-address',
                ['value' => var_export($visit->config('app.url'), true)],
            ),
            $domain !== '' && ! $this->within($site, $domain) => $found(
                'cookie-refused',
                ['domain' => $domain, 'site' => $site],
            ),
            $socket !== $site && ! ($domain !== '' && $this->within($socket, $domain)) => $found(
                'cookie-elsewhere',
                ['site' => $socket, 'cookie' => $domain ?: $site],
            ),
            $secure && str_starts_with($visit->publicUrl, 'http:') => $found(
                'cookie-https',
                ['url' => $visit->publicUrl],
            ),
            default => Finding::good("browsers send the session cookie to $socket"),
        };
    }

    /** Whether the doctor's visitor has one, or the route that the sidecar asks has no session. */
    private function takesTokens(Visit $visit): bool
    {
        if (preg_match('/^bearer\h/i', array_change_key_case($visit->headers)['authorization'] ?? '') === 1) {
            return true;
        }
        $endpoint = $visit->sidecarConfig?->get('authEndpoint') ?? '/broadcasting/auth';
        try {
            $route = $visit->app->make('router')->getRoutes()->match(Request::create((string) $endpoint, 'POST'));
        } catch (HttpExceptionInterface) {
            return false;
        }

        return ! in_array('web', (array) $route->middleware(), true);
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
