<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Closure;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\Facades\Facade;
use LogicException;
use Rustecho\Laravel\Publishers\PublisherFactory;
use Rustecho\Laravel\Testing\RustechoFake;

/**
 * Several events in one write: `Rustecho::together(fn () => …)`. For tests of an application: `Rustecho::fake()`, then
 * `Rustecho::assertBroadcast(...)`.
 *
 * @method static mixed together(callable $callback) the events that are broadcast in it travel in one write
 * @method static void collect() collects the receipts of deferred events now
 * @method static void assertBroadcast(\Closure|string $event, callable|int|null $callback = null)
 * @method static void assertBroadcastTimes(string $event, int $times = 1)
 * @method static void assertBroadcastOn(\Illuminate\Broadcasting\Channel|string $channel, \Closure|string|null $event = null)
 * @method static void assertNotBroadcast(\Closure|string $event, ?callable $callback = null)
 * @method static void assertNothingBroadcast()
 * @method static \Illuminate\Support\Collection broadcasts(?string $event = null, ?callable $callback = null)
 *
 * @see RustechoFake
 */
final class Rustecho extends Facade
{
    /**
     * Lets no event leave the process and remembers them instead. The default connection becomes one of rustecho, since the
     * tests of most applications run with `log` or `null`.
     */
    public static function fake(): RustechoFake
    {
        $app = self::getFacadeApplication();
        $fake = new RustechoFake();
        $app->make(PublisherFactory::class)->replaceBy($fake);
        $default = $app['config']->get('broadcasting.default');
        if ($app['config']->get("broadcasting.connections.$default.driver") !== 'rustecho') {
            self::becomeDefault($app);
        }
        // Not swap(): the factory stays what the container gives to everyone else.
        self::$resolvedInstance[self::getFacadeAccessor()] = $fake;

        return $fake;
    }

    /** The channels were registered at the start, with the broadcaster that was the default one then. */
    private static function becomeDefault(Application $app): void
    {
        $manager = $app->make(BroadcastManager::class);
        $name = (string) $manager->getDefaultDriver();
        // One that nobody has asked for yet has no channels, and may be none that can be made.
        $before = Closure::bind(fn () => $this->drivers[$name] ?? null, $manager, BroadcastManager::class)();
        $app['config']->set('broadcasting.default', 'rustecho');
        $ours = $manager->connection();
        if ($before instanceof Broadcaster && $ours instanceof RustechoBroadcaster) {
            $ours->adopt($before);
        }
        (new ChannelAuth($app))->complete();
    }

    /**
     * @param string $method
     * @param array<mixed> $args
     * @return mixed
     */
    public static function __callStatic($method, $args)
    {
        if (! method_exists(self::getFacadeRoot(), $method) && method_exists(RustechoFake::class, $method)) {
            throw new LogicException("Call Rustecho::fake() before what is tested, then Rustecho::$method().");
        }

        return parent::__callStatic($method, $args);
    }

    protected static function getFacadeAccessor(): string
    {
        return 'rustecho';
    }
}
