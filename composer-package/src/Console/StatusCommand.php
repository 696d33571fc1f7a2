<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Publishers\PublisherFactory;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Version;

/** Says which road events take from here, and whether the sidecar answers. */
final class StatusCommand extends Command
{
    protected $signature = 'rustecho:status {--connection=rustecho : the connection in config/broadcasting.php}';

    protected $description = 'Show which road events take to the rustecho sidecar, and whether it answers';

    public function handle(): int
    {
        $name = (string) $this->option('connection');
        try {
            $settings = Settings::from(
                (array) $this->laravel['config']->get("broadcasting.connections.$name", []),
                (array) $this->laravel['config']->get('rustecho', []),
            );
        } catch (InvalidOption $wrong) {
            $this->error($wrong->getMessage());

            return self::FAILURE;
        }
        $this->line('driver:    ' . $this->laravel['config']->get('broadcasting.default') . " (looking at the connection $name)");
        $this->line('transport: ' . $settings->transport . ', which is ' . $this->road($settings));
        $this->line('package:   ' . Version::PACKAGE . ' in Laravel ' . $this->laravel->version());
        $this->line('extension: ' . (phpversion('rustecho') ?: 'not loaded') . ' in php ' . PHP_VERSION . ' ' . PHP_SAPI);
        $this->line('socket:    ' . $settings->socketPath());

        return $this->askSidecar($settings);
    }

    private function askSidecar(Settings $settings): int
    {
        $start = hrtime(true);
        try {
            $welcome = (new StreamPublisher($settings, new NullLogger()))->hello();
        } catch (Exception $error) {
            $this->error('sidecar:   ' . $error->getMessage());
            $this->line('php artisan rustecho:doctor looks for the reason.');

            return self::FAILURE;
        }
        $microseconds = intdiv(hrtime(true) - $start, 1_000);
        $this->info("sidecar:   {$welcome['sidecar']} answered in $microseconds µs, protocol {$welcome['oldest']} to "
            . "{$welcome['newest']}, events up to {$welcome['max_data']} bytes");
        if (! Version::fits($welcome['sidecar'], Version::PACKAGE)) {
            $this->warn('The package is ' . Version::PACKAGE . ', the sidecar is not: install one release of both.');
        }

        return self::SUCCESS;
    }

    private function road(Settings $settings): string
    {
        $wrong = PublisherFactory::wrongWithExtension(phpversion('rustecho'));

        return match ($settings->transport) {
            'auto' => $wrong === null ? 'the extension' : "the pure-PHP client: $wrong",
            'extension' => $wrong === null ? 'the extension' : "not possible: $wrong",
            'php' => 'the pure-PHP client',
            'null' => 'nowhere: events are thrown away',
            default => 'unknown: every broadcast will fail',
        };
    }
}
