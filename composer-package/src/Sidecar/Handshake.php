<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/** Asks for a websocket, waits for the first word on it, and hangs up. */
final class Handshake
{
    /**
     * @return int the HTTP status: 101 where websockets are possible; 0 where it was 101, but no websocket came of it
     *
     * @throws Unreachable
     */
    public static function status(string $url, float $seconds = 5.0): int
    {
        $part = parse_url($url);
        if (! is_array($part) || ! isset($part['host'])) {
            throw new Unreachable("\"$url\" is not an address with a host");
        }
        $tls = ($part['scheme'] ?? 'http') === 'https';
        $host = $part['host'];
        $port = $part['port'] ?? ($tls ? 443 : 80);
        error_clear_last();
        $stream = @stream_socket_client(($tls ? 'tls' : 'tcp') . "://$host:$port", $number, $error, $seconds);
        if ($stream === false) {
            throw Unreachable::because($url);
        }
        stream_set_timeout($stream, (int) ceil($seconds));
        fwrite($stream, implode("\r\n", [
            'GET ' . ($part['path'] ?? '/') . '?' . ($part['query'] ?? '') . ' HTTP/1.1',
            'Host: ' . $host . (isset($part['port']) ? ":$port" : ''),
            'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: ' . base64_encode(random_bytes(16)), '', '',
        ]));
        $line = (string) fgets($stream, 1_024);
        while (! in_array(fgets($stream, 8_192), ["\r\n", "\n", false], true)) {
            continue;
        }
        // A web server that strips the headers may pass on the status all the same. What counts is a frame of text.
        $frame = (string) fread($stream, 4);
        fclose($stream);
        if (preg_match('#^HTTP/\S+ (\d{3})#', $line, $status) !== 1) {
            throw new Unreachable("no HTTP answer from $url within $seconds s");
        }

        return $status[1] === '101' && ! str_starts_with($frame, "\x81") ? 0 : (int) $status[1];
    }
}
