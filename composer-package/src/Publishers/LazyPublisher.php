<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;

/**
 * Chooses the road when the first event is published.
 *
 * Laravel creates the broadcaster in every request and every artisan command that loads routes/channels.php. A wrong setting
 * must fail the broadcast, not `php artisan config:clear`.
 */
final class LazyPublisher implements Publisher
{
    private ?Publisher $publisher = null;

    /** @param Closure(): Publisher $make */
    public function __construct(private readonly Closure $make)
    {
    }

    public function publish(array $channels, string $event, string $json, ?string $socketId): Receipt
    {
        return $this->chosen()->publish($channels, $event, $json, $socketId);
    }

    public function chosen(): Publisher
    {
        return $this->publisher ??= ($this->make)();
    }
}
