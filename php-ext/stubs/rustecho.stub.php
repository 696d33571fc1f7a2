<?php

/**
 * What the extension rustecho gives to PHP, for editors and analysers. A test compares it with the loaded module.
 *
 * Ini settings, all changeable anywhere (php.ini, a php-fpm pool, .user.ini, ini_set()):
 *  - rustecho.socket: the sidecar's Unix socket. Default "/run/rustecho/rustecho.sock".
 *  - rustecho.timeout_ms: what one call may take as a whole, 1 to 60000 milliseconds. Default 50.
 *  - rustecho.ack: "receipt": wait until the sidecar has accepted the event; "deferred": write it at once and read the receipt
 *    when rustecho_flush() is called or the request ends; "none": only write it. Default "receipt".
 *  - rustecho.on_failure: what happens to an event while the sidecar is away: "spool": it is kept on disk until the sidecar
 *    is back, and the call succeeds; where there is no spool it throws; "throw": it always throws. Default "spool".
 *  - rustecho.breaker_ms: after a failure the sidecar is not asked again for a while: a 16th of this at first, each time twice
 *    as long, at most this, 0 to 600000 milliseconds; 0: it is asked every time. Default 1000.
 *  - rustecho.spool: the spool's directory, which the sidecar makes. Empty, the default, is /var/spool/rustecho for a socket
 *    under /run, else the folder "spool" beside the socket.
 *  - rustecho.spool_max_bytes: the most bytes of all files in that directory; over it, calls throw. Default 256M.
 */

namespace {

    /**
     * Publishes one event.
     *
     * @param array<array-key, string> $channels 1 to 100 full wire names ("orders", "private-orders.1"), 512 bytes each
     * @param string $event the event's name, 1 to 512 bytes
     * @param string $json the event's data, encoded as JSON, at most 10 MiB unless the sidecar is set otherwise
     * @param ?string $socketId the socket that shall not get the event
     * @param ?array{
     *     socket?: ?string, timeout_ms?: ?int, ack?: ?string, on_failure?: ?string, breaker_ms?: ?int, spool?: ?string,
     *     spool_max_bytes?: ?int, more?: ?bool, id?: ?string, trace?: ?string
     * } $options socket, timeout_ms, ack, on_failure, breaker_ms, spool and spool_max_bytes in place of the ini settings; more: another event
     *        follows at once, so that with "deferred" and "none" this one may wait for it, to travel in one write; id: 32 hexadecimal
     *        digits, two publishes with one id are one event; trace: a W3C traceparent
     *
     * @return array{id: string, subscribers: ?int, accepted: bool, spooled: bool} without a receipt accepted is false and
     *     subscribers null; spooled: it is on disk, and is emitted when the sidecar is back
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
     * Waits for the receipts of all deferred events. What is not answered in time is spooled, or has failed.
     *
     * @param ?int $timeout_ms what this may take in place of rustecho.timeout_ms; 0: write what "more" has held back, and read
     *     no answers
     *
     * @return array{
     *     accepted: int, spooled: int, failed: int, failures: list<array{id: string, code: int, message: string, fate?: int}>
     * } the deferred events since the last call; at most 1000 failures are listed; code is the sidecar's reason, as
     *     docs/wire-format.md lists them, or 0 where there was no answer; then fate is Rustecho\Exception::FATE_UNKNOWN where the
     *     event may have arrived, and 0 where it cannot have
     *
     * @throws Rustecho\InvalidOption $timeout_ms is no good
     */
    function rustecho_flush(?int $timeout_ms = null): array
    {
    }

    /**
     * What this process knows of the sidecar, without asking it.
     *
     * @param ?string $socket another socket than rustecho.socket
     *
     * @return array{
     *     version: string, protocol: int, socket: string, timeout_ms: ?int, ack: string, on_failure: string,
     *     breaker_ms: ?int, spool: ?string, settings_error: ?string, connected: bool, pid: int, sidecar: ?string,
     *     max_data: ?int, compatible: ?bool, breaker: string, spooling: bool, pending: int,
     *     counters: array{
     *         published: int, receipts: int, refusals: int, timeouts: int, reconnects: int, failures: int, bytes: int,
     *         spooled: int, rested: int
     *     },
     *     last_error: ?string
     * } sidecar is its version, max_data its limit for $json in bytes, compatible whether the two speak one protocol: null
     *     until it has answered for the first time. spool: the directory; null: failures throw. breaker: "closed", "open"
     *     (the sidecar is left alone) or "probe" (the next call asks it again). spooling: events of this process wait in the
     *     spool. pending: deferred events whose receipts have not been read
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
