<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Rustecho\Laravel\Contracts\Road;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;

/** Publishes by the PHP extension, which keeps one connection per process across requests. */
final class ExtensionPublisher implements Road
{
    /** @var array<string, string|int|bool> only what the application has set: the rest is left to the ini settings */
    private readonly array $options;

    public function __construct(private readonly Settings $settings)
    {
        $this->options = array_filter(
            [
                'socket' => $settings->socket,
                'timeout_ms' => $settings->timeoutMs,
                'ack' => $settings->ack,
                // What else there may be is done where there is a Laravel.
                'on_failure' => in_array($settings->onFailure, [null, 'spool'], true) ? $settings->onFailure : 'throw',
                'breaker_ms' => $settings->breakerMs,
                'spool' => $settings->spool,
                'spool_max_bytes' => $settings->spoolMaxBytes,
            ],
            static fn ($value): bool => $value !== null,
        );
    }

    public function publish(
        array $channels,
        string $event,
        string $json,
        ?string $socketId,
        ?string $id = null,
        ?string $ack = null,
        bool $more = false,
        ?string $trace = null,
        ?int $timeoutMs = null,
    ): Receipt {
        $options = $this->options;
        if ($id !== null) {
            $options['id'] = $id;
        }
        if ($ack !== null) {
            $options['ack'] = $ack;
        }
        if ($more) {
            $options['more'] = true;
        }
        if ($trace !== null) {
            $options['trace'] = $trace;
        }
        if ($timeoutMs !== null) {
            $options['timeout_ms'] = $timeoutMs;
        }
        $receipt = \rustecho_publish($channels, $event, $json, $socketId, $options);

        return new Receipt($receipt['id'], $receipt['subscribers'], $receipt['accepted'], $receipt['spooled']);
    }

    public function collect(bool $wait = true): array
    {
        return \rustecho_flush($wait ? $this->settings->timeoutMs : 0);
    }
}
