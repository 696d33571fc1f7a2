<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastController;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Contracts\Foundation\CachesRoutes;
use Illuminate\Routing\Route;

/** Gives the application what the sidecar asks it about channels, where the application has not done so itself. */
final class ChannelAuth
{
    private const URI = 'broadcasting/auth';

    public function __construct(private readonly Application $app)
    {
    }

    /** To be called when all providers have booted: only then is it known what the application has registered. */
    public function complete(): void
    {
        $config = (array) $this->app['config']->get('rustecho.auth', []);
        if (! ($config['enabled'] ?? true)) {
            return;
        }
        $this->loadChannels((string) ($config['channels'] ?? ''));
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

    /**
     * @param array<int, string>|string $middleware
     * @return list<string>
     */
    private function middleware(array|string $middleware): array
    {
        $names = is_array($middleware) ? $middleware : explode('|', $middleware);

        return array_values(array_filter(array_map('trim', $names), static fn (string $name): bool => $name !== ''));
    }
}
