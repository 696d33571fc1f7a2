<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Session\Middleware\StartSession;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Throwable;

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
        $router = $visit->app->make('router');
        try {
            $visit->app->make(Kernel::class); // tells the router what the groups are, which no command needs otherwise
            $route = $router->getRoutes()->match(Request::create((string) $endpoint, 'POST'));
            $middleware = array_filter($router->gatherRouteMiddleware($route), 'is_string');
        } catch (Throwable) {
            return false; // what is wrong with the route is found where it is asked
        }

        return array_filter($middleware, $this->startsSession(...)) === [];
    }

    private function startsSession(string $middleware): bool
    {
        $class = explode(':', $middleware)[0];

        // Sanctum's own is not in the group `web`: it starts a session for the site's own pages.
        return is_a($class, StartSession::class, true) || str_ends_with($class, '\\EnsureFrontendRequestsAreStateful');
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
