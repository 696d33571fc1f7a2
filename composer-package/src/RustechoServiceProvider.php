<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\ServiceProvider;
use Rustecho\Laravel\Console\DoctorCommand;
use Rustecho\Laravel\Console\InstallCommand;
use Rustecho\Laravel\Console\StartCommand;
use Rustecho\Laravel\Console\StatusCommand;
use Rustecho\Laravel\Doctor\ProbeChannel;
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
        $this->app->alias(PublisherFactory::class, 'rustecho');
        $this->callAfterResolving(BroadcastManager::class, static function (BroadcastManager $manager): void {
            // Laravel 13 rebinds $this of this closure, so it is not static and uses its parameters only.
            $manager->extend('rustecho', self::creator());
        });
    }

    public function boot(): void
    {
        $this->app->booted(static fn ($app) => (new ChannelAuth($app))->complete());
        if ($this->app->runningInConsole()) {
            $this->commands([InstallCommand::class, StartCommand::class, StatusCommand::class, DoctorCommand::class]);
            About::register($this->app);
            $this->publishes([self::CONFIG => $this->app->configPath('rustecho.php')], 'rustecho-config');
        }
    }

    /** A closure that is not static and belongs to no object. */
    private static function creator(): \Closure
    {
        return function ($app, array $config): RustechoBroadcaster {
            $settings = static fn (): Settings => Settings::from($config, (array) $app['config']->get('rustecho', []));

            $probe = new ProbeChannel((string) $app['config']->get('app.key'));

            return new RustechoBroadcaster(new LazyPublisher($app->make(PublisherFactory::class), $settings), $probe);
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
