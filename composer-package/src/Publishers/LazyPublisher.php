<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;

/**
 * Chooses the road when the first event is published, and takes events for more channels than one publish may name.
 *
 * Laravel creates the broadcaster in every request and every artisan command that loads routes/channels.php. A wrong setting
 * must fail the broadcast, not `php artisan config:clear`.
 */
final class LazyPublisher implements Publisher
{
    private ?Publisher $publisher = null;

    /** @param Closure(): Settings $settings */
    public function __construct(private readonly PublisherFactory $factory, private readonly Closure $settings)
    {
    }

    /** @param list<string> $channels as many as there are: over MAX_CHANNELS they go in parts, and the last receipt counts */
    public function publish(array $channels, string $event, string $json, ?string $socketId): Receipt
    {
        $fake = $this->factory->fake();
        if ($fake !== null) {
            return $fake->publish($channels, $event, $json, $socketId);
        }
        $road = $this->chosen();
        while (count($channels) > self::MAX_CHANNELS) {
            $road->publish(array_splice($channels, 0, self::MAX_CHANNELS), $event, $json, $socketId);
        }

        return $road->publish($channels, $event, $json, $socketId);
    }

    public function chosen(): Publisher
    {
        return $this->publisher ??= $this->factory->make(($this->settings)());
    }
}
