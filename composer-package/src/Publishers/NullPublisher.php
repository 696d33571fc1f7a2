<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;

/** Publishes nothing: for test suites and for machines without a sidecar. */
final class NullPublisher implements Publisher
{
    public function publish(array $channels, string $event, string $json, ?string $socketId, ?string $id = null): Receipt
    {
        return new Receipt('', null, false);
    }
}
