<?php

/**
 * What the extension rustecho gives to PHP, for editors and analysers. A test compares it with the loaded module.
 *
 * Ini settings, all changeable anywhere (php.ini, a php-fpm pool, .user.ini, ini_set()):
 *  - rustecho.socket: the sidecar's Unix socket. Default "/run/rustecho/rustecho.sock".
 *  - rustecho.timeout_ms: what one call may take as a whole, 1 to 60000 milliseconds. Default 50.
 *  - rustecho.ack: "receipt": wait until the sidecar has accepted the event; "none": only write it. Default "receipt".
 */

namespace {

    /**
     * Publishes one event.
     *
     * @param array<array-key, string> $channels 1 to 100 full wire names ("orders", "private-orders.1"), 512 bytes each
     * @param string $event the event's name, 1 to 512 bytes
     * @param string $json the event's data, encoded as JSON, at most 10 MiB unless the sidecar is set otherwise
     * @param ?string $socketId the socket that shall not get the event
     * @param ?array{socket?: ?string, timeout_ms?: ?int, ack?: ?string, id?: ?string, trace?: ?string} $options
     *        socket, timeout_ms and ack in place of the ini settings; id: 32 hexadecimal digits, two publishes with one id
     *        are one event; trace: a W3C traceparent
     *
     * @return array{id: string, subscribers: ?int, accepted: bool} without a receipt accepted is false and subscribers null
     *
     * @throws Rustecho\InvalidEvent an argument is no good; nothing was written
     * @throws Rustecho\InvalidOption an ini setting or an option is no good; nothing was written
     * @throws Rustecho\Refused the sidecar said no; getCode() is its reason, as docs/wire-format.md lists them
     * @throws Rustecho\ConnectionFailed the sidecar could not be reached, or the connection broke
     * @throws Rustecho\Timeout rustecho.timeout_ms passed
     */
    function rustecho_publish(array $channels, string $event, string $json, ?string $socketId = null, ?array $options = null): array
    {
    }

    /**
     * What this process knows of the sidecar, without asking it.
     *
     * @param ?string $socket another socket than rustecho.socket
     *
     * @return array{
     *     version: string, protocol: int, socket: string, timeout_ms: ?int, ack: string, settings_error: ?string,
     *     connected: bool, pid: int, sidecar: ?string, max_data: ?int,
     *     counters: array{
     *         published: int, receipts: int, refusals: int, timeouts: int, reconnects: int, failures: int, bytes: int
     *     },
     *     last_error: ?string
     * } sidecar is its version, max_data its limit for $json in bytes: null until it has answered for the first time
     *
     * @throws Rustecho\InvalidOption $socket is not the path of a socket
     */
    function rustecho_status(?string $socket = null): array
    {
    }
}

namespace Rustecho {

    /** What everything here throws. */
    class Exception extends \RuntimeException
    {
        /** getCode() of ConnectionFailed and Timeout when the event may still arrive; otherwise it is 0: it will not. */
        public const FATE_UNKNOWN = 1;
    }

    /** No sidecar would take this event. Nothing was written. */
    class InvalidEvent extends Exception
    {
    }

    /** An ini setting or an option has a value that is no good. Nothing was written. */
    class InvalidOption extends Exception
    {
    }

    /** The sidecar said no. getCode() is its reason. */
    class Refused extends Exception
    {
    }

    /** The sidecar could not be reached, or the connection broke and so did the one opened in its place. */
    class ConnectionFailed extends Exception
    {
    }

    /** The time was over before the sidecar had answered. */
    class Timeout extends Exception
    {
    }
}
