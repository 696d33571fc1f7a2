<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Contracts;

use Rustecho\Laravel\Receipt;

/** One road by which an event reaches the sidecar. */
interface Publisher
{
    /** The most channels that one event may name. */
    public const MAX_CHANNELS = 100;

    /**
     * Hands one event to the sidecar.
     *
     * @param list<string> $channels full wire names, 1 to MAX_CHANNELS of them, each 1 to 512 bytes
     * @param string $event event name, 1 to 512 bytes
     * @param string $json the event's data, already encoded
     * @param string|null $socketId the socket that shall not get the event
     * @param string|null $id 32 hexadecimal digits; two publishes with one id are one event. null draws one
     *
     * @throws \Rustecho\Exception when the sidecar has not, or not surely, accepted the event
     */
    public function publish(array $channels, string $event, string $json, ?string $socketId, ?string $id = null): Receipt;
}
