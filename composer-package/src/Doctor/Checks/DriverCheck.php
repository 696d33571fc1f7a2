<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Illuminate\Contracts\Foundation\CachesConfiguration;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;

/** Is `rustecho` the driver that broadcasts take? */
final class DriverCheck implements Check
{
    public function run(Visit $visit): iterable
    {
        $default = $visit->config('broadcasting.default');
        $shown = is_string($default) ? "\"$default\"" : get_debug_type($default);
        if ($visit->defaultDriver() !== 'rustecho') {
            yield Finding::problem(
                "events go to the connection $shown, not to rustecho",
                'Set BROADCAST_DRIVER=rustecho and BROADCAST_CONNECTION=rustecho in .env (php artisan rustecho:install), then '
                    . 'php artisan ' . ($this->cached($visit) ? 'config:cache, since there is a cache' : 'config:clear')
                    . ', and php artisan queue:restart. An event can also choose, by broadcastVia(\'rustecho\').',
            );

            return;
        }
        yield Finding::good("events go to the connection $shown, whose driver is rustecho");
        if ($visit->settings->transport === 'null') {
            yield Finding::problem(
                'the transport is "null": every event is thrown away',
                'Set RUSTECHO_TRANSPORT=auto in .env, or take the line out.',
            );
        }
    }

    private function cached(Visit $visit): bool
    {
        return $visit->app instanceof CachesConfiguration && $visit->app->configurationIsCached();
    }
}
