<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Closure;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Container\Container;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\ServiceProvider;
use Rustecho\Laravel\Console\DoctorCommand;
use Rustecho\Laravel\Console\InstallCommand;
use Rustecho\Laravel\Console\RestartCommand;
use Rustecho\Laravel\Console\StartCommand;
use Rustecho\Laravel\Console\StatusCommand;
use Rustecho\Laravel\Delivery\CurrentJob;
use Rustecho\Laravel\Delivery\Deferred;
use Rustecho\Laravel\Delivery\Delivery;
use Rustecho\Laravel\Delivery\Listeners;
use Rustecho\Laravel\Doctor\ProbeChannel;
use Rustecho\Laravel\Publishers\LazyPublisher;
use Rustecho\Laravel\Publishers\Observer;
use Rustecho\Laravel\Publishers\PublisherFactory;

/** Discovered by Laravel: makes the driver `rustecho` known, with a connection of that name and the channel-auth route. */
final class RustechoServiceProvider extends ServiceProvider
{
    private const CONFIG = __DIR__ . '/../config/rustecho.php';

    public function register(): void
    {
        $this->provideConfig();
        $this->share(Delivery::class, static fn ($app): Delivery => new Delivery(
            new CurrentJob(),
            new Deferred(),
            static fn (\Throwable $error) => Container::getInstance()->make(ExceptionHandler::class)->report($error),
            self::observer(),
        ));
        $this->share(PublisherFactory::class, static fn ($app): PublisherFactory => new PublisherFactory(
            $app->make('log'),
            $app->storagePath() . '/framework/rustecho-php-client',
            $app->make(Delivery::class),
            static fn () => Container::getInstance()->make('redis'),
        ));
        $this->app->alias(PublisherFactory::class, 'rustecho');
        $this->callAfterResolving(BroadcastManager::class, static function (BroadcastManager $manager): void {
            Framework::extend($manager, self::broadcaster(...));
        });
    }

    public function boot(): void
    {
        Listeners::register($this->app);
        Framework::register($this->app, $this);
        Integrations::register($this->app);
        $this->loadViewsFrom(__DIR__ . '/../resources/views', 'rustecho');
        $this->app->booted(static fn ($app) => (new ChannelAuth($app))->complete());
        if ($this->app->runningInConsole()) {
            $this->commands([
                InstallCommand::class,
                StartCommand::class,
                RestartCommand::class,
                StatusCommand::class,
                DoctorCommand::class,
            ]);
            $this->publishes([self::CONFIG => $this->app->configPath('rustecho.php')], 'rustecho-config');
        }
    }

    /**
     * A singleton that clones of this application have as well, whoever needs it first: a long-running server clones it for each
     * request, while its events still go to the broadcaster of the one that has booted.
     */
    private function share(string $class, Closure $make): void
    {
        $one = null;
        $this->app->singleton($class, static function ($app) use (&$one, $make): object {
            return $one ??= $make($app);
        });
    }

    /** @param array<string, mixed> $config the connection's */
    private static function broadcaster(Application $app, array $config): RustechoBroadcaster
    {
        // Asked with the first event, when the request in which the broadcaster was made may be over.
        $settings = static fn (): Settings => Settings::from(
            $config,
            (array) Container::getInstance()->make('config')->get('rustecho', []),
        );
        $probe = new ProbeChannel((string) $app['config']->get('app.key'));
        $publisher = new LazyPublisher($app->make(PublisherFactory::class), $app->make(Delivery::class), $settings);

        return new RustechoBroadcaster($publisher, $probe, self::observer());
    }

    /** The dispatcher of the moment of each event: a long-running server, and Event::fake(), put another in its place. */
    public static function observer(): Observer
    {
        return new Observer((new Current('events'))->get(...));
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
