<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Illuminate\Foundation\Console\AboutCommand;
use Rustecho\InvalidOption;

/** The section of `php artisan about`, which came with Laravel 9. */
final class About
{
    public static function register(Application $app): void
    {
        if (class_exists(AboutCommand::class)) {
            AboutCommand::add('Rustecho', static fn (): array => self::rows($app));
        }
    }

    /** @return array<string, string> */
    private static function rows(Application $app): array
    {
        $config = $app->make('config');
        try {
            $connection = (array) $config->get('broadcasting.connections.rustecho', []);
            $settings = Settings::from($connection, (array) $config->get('rustecho', []));
            $road = [
                'Transport' => $settings->transport,
                'Socket' => $settings->socketPath(),
                'Timeout' => $settings->timeoutOrDefault() . ' ms',
            ];
        } catch (InvalidOption $wrong) {
            $road = ['Settings' => $wrong->getMessage()];
        }

        return ['Package' => Version::PACKAGE, 'Extension' => phpversion('rustecho') ?: 'not loaded'] + $road;
    }
}
