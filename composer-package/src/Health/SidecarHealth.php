<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Health;

use Illuminate\Contracts\Config\Repository;
use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\Laravel\BroadcastConnection;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Version;

/**
 * Whether events get out: `app(SidecarHealth::class)->check()`. Needs nothing but the sidecar's socket, and publishes nothing.
 *
 * {@see RustechoCheck} is the same for spatie/laravel-health, {@see DiagnoseRustecho} for Laravel's own `/up`.
 */
final class SidecarHealth
{
    /** Events that wait for longer than this are drained by nobody. */
    private const SPOOL_SECONDS = 60;

    public function __construct(private readonly Repository $config)
    {
    }

    /** @param string|null $connection in config/broadcasting.php; null: the one that events take */
    public function check(?string $connection = null): Health
    {
        $begun = hrtime(true);
        try {
            $settings = BroadcastConnection::of($this->config, $connection)->settings();
            if ($settings->transport === 'null') {
                return new Health(Health::WARNING, 'The transport is "null": events are thrown away.');
            }
            $welcome = (new StreamPublisher($settings, new NullLogger()))->hello();
        } catch (Exception $silence) {
            $kept = isset($settings) && $settings->spools() ? ' Events wait in the spool until it is back.' : '';

            return new Health(Health::FAILED, rtrim($silence->getMessage(), '.') . ".$kept");
        }
        $about = ['sidecar' => $welcome['sidecar'], 'microseconds' => intdiv(hrtime(true) - $begun, 1_000)];
        $waits = $this->oldestInSpool($settings->spoolFolder());
        if ($waits > self::SPOOL_SECONDS) {
            $folder = $settings->spoolFolder();

            return new Health(Health::FAILED, "Events wait in $folder for $waits s, and nobody drains them.", $about);
        }
        if (! Version::fits($welcome['sidecar'], Version::PACKAGE)) {
            $other = "The sidecar is {$welcome['sidecar']}, the package " . Version::PACKAGE . ': install one release of both.';

            return new Health(Health::WARNING, $other, $about);
        }

        return new Health(Health::OK, "The sidecar {$welcome['sidecar']} answers.", $about);
    }

    /** Seconds. */
    private function oldestInSpool(string $folder): int
    {
        $times = array_filter(array_map(static fn (string $file) => @filemtime($file), glob("$folder/*.spool") ?: []));

        return $times === [] ? 0 : max(0, time() - (int) min($times));
    }
}
