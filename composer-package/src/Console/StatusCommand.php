<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\InvalidOption;
use Rustecho\Laravel\BroadcastConnection;
use Rustecho\Laravel\Publishers\PublisherFactory;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Version;

/** Says which road events take from here, and whether the sidecar answers. */
final class StatusCommand extends Command
{
    protected $signature = 'rustecho:status
        {--connection= : the connection in config/broadcasting.php; without it the one that events take}';

    protected $description = 'Show which road events take to the rustecho sidecar, and whether it answers';

    public function handle(): int
    {
        $connection = BroadcastConnection::of($this->laravel['config'], $this->option('connection'));
        try {
            $settings = $connection->settings();
        } catch (InvalidOption $wrong) {
            $this->error($wrong->getMessage());

            return self::FAILURE;
        }
        $default = $this->laravel['config']->get('broadcasting.default');
        $this->line("driver:    $default (looking at the connection $connection->name)");
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
