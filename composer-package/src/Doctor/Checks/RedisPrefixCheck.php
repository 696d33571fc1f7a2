<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;

/** Where events travel through Redis: do both ends put the same prefix before the channels? */
final class RedisPrefixCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $publishes = $visit->defaultDriver() === 'redis';
        $config = $visit->sidecarConfig;
        if ($config === null && ! $publishes && $visit->settings->onFailure !== 'redis') {
            yield Finding::good('this application does not publish through Redis');

            return;
        }
        if ($config === null) {
            yield Finding::note('redis-not-compared', ['app' => $visit->app->basePath()]);

            return;
        }
        if (! $publishes && ! $config->takesRedis()) {
            yield Finding::good('Redis is not used');

            return;
        }
        $laravel = (string) $visit->config('database.redis.options.prefix');
        $sidecar = getenv('RUSTECHO_REDIS_PREFIX') ?: $config->redisPrefix();
        yield $laravel === $sidecar
            ? Finding::good("both ends use the Redis prefix \"$laravel\"")
            : Finding::problem(
                'redis-prefix',
                ['laravel' => $laravel, 'value' => $sidecar, 'file' => $config->path],
            );
    }
}
