<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;

/** Publishes by the PHP extension, which keeps one connection per process across requests. */
final class ExtensionPublisher implements Publisher
{
    /** @var array<string, string|int> only what the application has set: the rest is left to the ini settings */
    private readonly array $options;

    public function __construct(Settings $settings)
    {
        $this->options = array_filter(
            ['socket' => $settings->socket, 'timeout_ms' => $settings->timeoutMs, 'ack' => $settings->ack],
            static fn ($value): bool => $value !== null,
        );
    }

    public function publish(array $channels, string $event, string $json, ?string $socketId): Receipt
    {
        $receipt = \rustecho_publish($channels, $event, $json, $socketId, $this->options);

        return new Receipt($receipt['id'], $receipt['subscribers'], $receipt['accepted']);
    }
}
