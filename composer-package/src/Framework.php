<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Closure;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Foundation\Application as Laravel;
use Illuminate\Foundation\Console\AboutCommand;
use Illuminate\Foundation\DevCommands;
use Illuminate\Foundation\Events\DiagnosingHealth;
use Illuminate\Support\ServiceProvider;
use Rustecho\Laravel\Health\DiagnoseRustecho;

/** What not every version of the framework from 8 to 13 has, or has in the same way: here, and nowhere else. */
final class Framework
{
    /** Makes the driver known. @param Closure(Application, array<string, mixed>): RustechoBroadcaster $creator */
    public static function extend(BroadcastManager $manager, Closure $creator): void
    {
        // 13 binds $this of the closure anew, and its first releases die of a static one: so this one has none that matters.
        $manager->extend('rustecho', function ($app, array $config) use ($creator): RustechoBroadcaster {
            return $creator($app, $config);
        });
    }

    public static function register(Application $app, ServiceProvider $provider): void
    {
        // 11: the route /up.
        if (class_exists(DiagnosingHealth::class) && $app->make('config')->get('rustecho.health.up')) {
            $app->make('events')->listen(DiagnosingHealth::class, DiagnoseRustecho::class);
        }
        if (! $app->runningInConsole()) {
            return;
        }
        // 9.21: `php artisan about`.
        if (class_exists(AboutCommand::class)) {
            AboutCommand::add('Rustecho', static fn (): array => About::rows($app));
        }
        // 12: `php artisan reload`.
        if (method_exists($provider, 'reloads')) {
            (fn () => $this->reloads('rustecho:restart', 'rustecho'))->call($provider);
        }
        // 13: `php artisan dev`.
        if (class_exists(DevCommands::class)) {
            DevCommands::artisan('rustecho:start', 'rustecho');
        }
    }

    /**
     * What a connection puts before the channels on which it publishes.
     *
     * @param array<string, mixed> $redis of config/database.php
     */
    public static function redisPrefix(array $redis, ?string $connection): string
    {
        $connection ??= 'default';
        $own = (array) ($redis[$connection] ?? $redis['clusters'][$connection] ?? []);
        $ofAll = isset($redis[$connection]) ? [] : (array) ($redis['clusters']['options'] ?? []);
        $options = array_merge((array) ($redis['options'] ?? []), $ofAll, (array) ($own['options'] ?? []));
        // 9.12: a prefix beside the connection's options wins with phpredis as well.
        $wins = ($redis['client'] ?? 'phpredis') === 'predis' || version_compare(Laravel::VERSION, '9.12', '>=');

        return (string) (($wins && isset($own['prefix']) ? $own : $options + $own)['prefix'] ?? '');
    }
}
