<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastController;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Contracts\Foundation\CachesRoutes;
use Illuminate\Routing\Route;
use Rustecho\Laravel\Publishers\QuietLog;

/** Gives the application what the sidecar asks it about channels, where the application has not done so itself. */
final class ChannelAuth
{
    private const URI = 'broadcasting/auth';
    private const CHANNELS = 'routes/channels.php';

    public function __construct(private readonly Application $app)
    {
    }

    /** To be called when all providers have booted: only then is it known what the application has registered. */
    public function complete(): void
    {
        $config = (array) $this->app['config']->get('rustecho.auth', []);
        $this->loadChannels($this->channelsFile($config['channels'] ?? ''));
        if (! ($config['enabled'] ?? true)) {
            return;
        }
        if ($this->app instanceof CachesRoutes && $this->app->routesAreCached()) {
            return;
        }
        if (! $this->routeExists()) {
            $middleware = $this->middleware($config['middleware'] ?? 'web');
            // The framework's own registration: it leaves out the CSRF check under the name that this version gives it.
            $this->app->make(BroadcastManager::class)->routes(['middleware' => $middleware]);
        }
    }

    private function loadChannels(string $relative): void
    {
        $default = $this->app['config']->get('broadcasting.default');
        $driver = $this->app['config']->get("broadcasting.connections.$default.driver");
        $file = $this->app->basePath($relative);
        if ($driver !== 'rustecho' || $relative === '' || ! is_file($file)) {
            return;
        }
        $broadcaster = $this->app->make(BroadcastManager::class)->connection();
        if ($broadcaster instanceof RustechoBroadcaster && ! $broadcaster->hasChannels()) {
            (static function (string $file): void {
                require $file;
            })($file);
        }
    }

    private function routeExists(): bool
    {
        foreach ($this->app['router']->getRoutes()->getRoutes() as $route) {
            if (in_array('POST', $route->methods(), true) && $this->answersAuth($route)) {
                return true;
            }
        }

        return false;
    }

    private function answersAuth(Route $route): bool
    {
        return $route->uri() === self::URI
            || ltrim($route->getActionName(), '\\') === BroadcastController::class . '@authenticate';
    }

    private function channelsFile(mixed $file): string
    {
        return is_string($file) || $file === false ? (string) $file : $this->instead('channels', $file, self::CHANNELS, 'a text');
    }

    /** @return list<string> none for what env() makes of the word "false", too */
    private function middleware(mixed $middleware): array
    {
        $names = is_string($middleware) || $middleware === false ? explode('|', (string) $middleware) : $middleware;
        if (! is_array($names) || array_filter($names, 'is_string') !== $names) {
            $names = [$this->instead('middleware', $middleware, 'web', 'a text or a list of texts')];
        }

        return array_values(array_filter(array_map('trim', $names), static fn (string $name): bool => $name !== ''));
    }

    /** A wrong setting is told to the log: every request and command of the application comes here. */
    private function instead(string $key, mixed $value, string $default, string $allowed): string
    {
        $shown = is_scalar($value) ? var_export($value, true) : get_debug_type($value);
        (new QuietLog($this->app->make('log')))->error(
            "The rustecho setting \"auth.$key\" is $shown, but has to be $allowed: \"$default\" is taken. "
            . 'Correct it in config/rustecho.php or in the environment (RUSTECHO_AUTH_' . strtoupper($key) . ').',
        );

        return $default;
    }
}
