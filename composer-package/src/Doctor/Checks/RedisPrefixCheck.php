<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Framework;

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
            yield $publishes
                ? Finding::problem('redis-source-off', ['place' => $config->place('subscribers.redis')])
                : Finding::good('Redis is not used');

            return;
        }
        // Laravel's own driver takes the prefix of all connections, whichever it publishes by.
        $laravel = $publishes && ! $isDriver
            ? Framework::redisPrefix((array) $visit->config('database.redis'), $visit->settings->redis)
            : (string) $visit->config('database.redis.options.prefix');
        $sidecar = $config->redisPrefix();
        yield $laravel === $sidecar
            ? Finding::good("both ends use the Redis prefix \"$laravel\"")
            : Finding::problem(
                'redis-prefix',
                ['laravel' => $laravel, 'value' => $sidecar, 'place' => $config->place('databaseConfig.redis.keyPrefix')],
            );
    }
}
