<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\ServiceProvider;
use Rustecho\Laravel\Console\StatusCommand;
use Rustecho\Laravel\Publishers\LazyPublisher;
use Rustecho\Laravel\Publishers\PublisherFactory;

/** Discovered by Laravel: makes the driver `rustecho` known, with a connection of that name and the channel-auth route. */
final class RustechoServiceProvider extends ServiceProvider
{
    private const CONFIG = __DIR__ . '/../config/rustecho.php';

    public function register(): void
    {
        $this->provideConfig();
        $this->app->singleton(PublisherFactory::class, static fn ($app): PublisherFactory => new PublisherFactory(
            $app->make('log'),
            $app->storagePath() . '/framework/rustecho-php-client',
        ));
        $this->callAfterResolving(BroadcastManager::class, static function (BroadcastManager $manager): void {
            // Laravel 13 rebinds $this of this closure, so it is not static and uses its parameters only.
            $manager->extend('rustecho', self::creator());
        });
    }

    public function boot(): void
    {
        $this->app->booted(static fn ($app) => (new ChannelAuth($app))->complete());
        if ($this->app->runningInConsole()) {
            $this->commands([StatusCommand::class]);
            $this->publishes([self::CONFIG => $this->app->configPath('rustecho.php')], 'rustecho-config');
        }
    }

    /** A closure that is not static and belongs to no object. */
    private static function creator(): \Closure
    {
        return function ($app, array $config): RustechoBroadcaster {
            return new RustechoBroadcaster(new LazyPublisher(static fn () => $app->make(PublisherFactory::class)->make(
                Settings::from($config, (array) $app['config']->get('rustecho', [])),
            )));
        };
    }

    /** Fills in what the application has not set. Also under config:cache, when the package came after the cache was made. */
    private function provideConfig(): void
    {
        $config = $this->app['config'];
        $config->set('rustecho', array_replace_recursive(require self::CONFIG, (array) $config->get('rustecho', [])));
        if ($config->get('broadcasting.connections.rustecho') === null) {
            $config->set('broadcasting.connections.rustecho', ['driver' => 'rustecho']);
        }
    }
}
