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
    private bool $compared = false;

    public function __construct(private readonly Settings $settings, private readonly ?Warnings $warnings = null)
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
        if ($receipt['spooled']) {
            $this->spooled();
        } elseif ($receipt['accepted'] && ! $this->compared) {
            $this->compare();
        }

        return new Receipt($receipt['id'], $receipt['subscribers'], $receipt['accepted'], $receipt['spooled']);
    }

    public function collect(bool $wait = true): array
    {
        $report = \rustecho_flush($wait ? $this->settings->timeoutMs : 0);
        if ($report['spooled'] > 0) {
            $this->spooled();
        }

        return $report;
    }

    /** Of what release the sidecar is: it has said so before its first receipt. */
    private function compare(): void
    {
        $this->compared = true;
        if ($this->warnings?->askForSidecar($this->settings)) {
            $this->warnings->sidecarIs((string) \rustecho_status($this->settings->socket)['sidecar']);
        }
    }

    private function spooled(): void
    {
        $this->warnings?->spooled($this->settings, fn (): string => \rustecho_status($this->settings->socket)['last_error']
            ?? 'the sidecar has not drained earlier ones');
    }
}
