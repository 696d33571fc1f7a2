<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Sidecar\LaravelRedis;

/** Where events travel through Redis: does the sidecar listen, and do both ends put the same prefix before the channels? */
final class RedisPrefixCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $isDriver = $visit->defaultDriver() === 'redis';
        $publishes = $isDriver || $visit->settings->onFailure === 'redis';
        $config = $visit->sidecarConfig;
        if ($config === null && ! $publishes) {
            yield Finding::good('this application does not publish through Redis');

            return;
        }
        if ($config === null) {
            yield Finding::note('redis-not-compared', ['app' => $visit->app->basePath()]);

            return;
        }
        if (! $config->takesRedis()) {
            yield $publishes ? Finding::problem('redis-source-off') : Finding::good('Redis is not used');

            return;
        }
        $driver = 'broadcasting.connections.' . $visit->config('broadcasting.default');
        $name = $isDriver ? $visit->config("$driver.connection") : $visit->settings->redis;
        $laravel = (new LaravelRedis((array) $visit->config('database.redis'), $name))->prefix();
        $sidecar = getenv('RUSTECHO_REDIS_PREFIX') ?: $config->redisPrefix();
        yield $laravel === $sidecar
            ? Finding::good("both ends use the Redis prefix \"$laravel\"")
            : Finding::problem(
                'redis-prefix',
                ['laravel' => $laravel, 'value' => $sidecar, 'file' => $config->path],
            );
    }
}
