<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Rustecho\InvalidOption;

/** The section of `php artisan about`. */
final class About
{
    /** @return array<string, string> */
    public static function rows(Application $app): array
    {
        $config = $app->make('config');
        try {
            $settings = BroadcastConnection::of($config)->settings();
            $health = (new Health\SidecarHealth($config))->check();
            $road = [
                'Sidecar' => $health->about['sidecar'] ?? 'does not answer',
                'Transport' => $settings->transport,
                'Socket' => $settings->socketPath(),
                'Timeout' => $settings->timeoutOrDefault() . ' ms',
                'Receipts' => $settings->ackOrDefault(),
                'Without the sidecar' => $settings->onFailure ?? ($settings->spools() ? 'spool' : 'throw'),
            ];
        } catch (InvalidOption $wrong) {
            $road = ['Settings' => $wrong->getMessage()];
        }

        return ['Package' => Version::PACKAGE, 'Extension' => phpversion('rustecho') ?: 'not loaded'] + $road;
    }
}
