<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/** One HTTP request by PHP's own streams: redirects are not followed, and a status is an answer, not an error. */
final class Http
{
    /** What a page has as `window.location.origin`, of an address on its site; one without a host stays as it is. */
    public static function origin(string $url): string
    {
        return preg_match('~^(https?://)(?:[^/?#]*@)?([^/?#@]+)~i', $url, $part) === 1 ? $part[1] . $part[2] : $url;
    }

    /**
     * @param array<string, string> $headers
     * @param float $seconds the longest wait for the next bytes
     * @return array{status: int, headers: array<string, string>, body: string} header names in lower case
     *
     * @throws Unreachable
     */
    public static function request(
        string $method,
        string $url,
        array $headers = [],
        string $body = '',
        float $seconds = 5.0,
    ): array {
        $lines = ['Connection: close'];
        foreach ($headers as $name => $value) {
            $lines[] = "$name: $value";
        }
        $context = stream_context_create([
            'http' => [
                'method' => $method, 'header' => $lines, 'content' => $body, 'timeout' => $seconds,
                'follow_location' => 0, 'ignore_errors' => true, 'protocol_version' => 1.1,
            ],
        ]);
        error_clear_last();
        $stream = @fopen($url, 'r', false, $context);
        if ($stream === false) {
            throw Unreachable::because($url);
        }
        // On the file system's wrappers there are no headers: an address that is none.
        $head = stream_get_meta_data($stream)['wrapper_data'] ?? [];
        $answer = (string) stream_get_contents($stream);
        $late = stream_get_meta_data($stream)['timed_out'];
        fclose($stream);
        if ($late || ! is_array($head) || preg_match('#^HTTP/\S+ (\d{3})#', (string) ($head[0] ?? ''), $status) !== 1) {
            throw new Unreachable("no whole HTTP answer from $url within $seconds s");
        }

        return ['status' => (int) $status[1], 'headers' => self::fields($head), 'body' => $answer];
    }

    /**
     * @param list<string> $lines
     * @return array<string, string>
     */
    private static function fields(array $lines): array
    {
        $fields = [];
        foreach (array_slice($lines, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $fields[strtolower(trim($name))] = trim($value);
        }

        return $fields;
    }
}
