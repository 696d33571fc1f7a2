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
            yield Finding::problem('driver', [
                'connection' => $shown,
                'command' => $this->cached($visit) ? 'config:cache, since there is a cache' : 'config:clear',
            ]);

            return;
        }
        yield Finding::good("events go to the connection $shown, whose driver is rustecho");
        if ($visit->settings->transport === 'null') {
            yield Finding::problem('transport-null');
        }
    }

    private function cached(Visit $visit): bool
    {
        return $visit->app instanceof CachesConfiguration && $visit->app->configurationIsCached();
    }
}
