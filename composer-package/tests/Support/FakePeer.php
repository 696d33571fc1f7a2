<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Closure;

/** One accepted connection of the fake sidecar. Decodes on its own, so that it would not share an error with the client. */
final class FakePeer
{
    /** @param resource $stream */
    public function __construct(private $stream, private readonly string $reports)
    {
    }

    /** @return array<string, mixed>|null the next hello or publish; null when the client has closed */
    public function read(): ?array
    {
        $header = $this->bytes(8);
        if ($header === null) {
            return null;
        }
        $body = $this->bytes(unpack('N', $header, 4)[1]) ?? '';
        $message = ord($header[3]) === 1 ? $this->hello($body) : $this->publish($body);
        file_put_contents($this->reports, json_encode($message, JSON_THROW_ON_ERROR) . "\n", FILE_APPEND);

        return $message;
    }

    /** Reads until a publish comes, and greets meanwhile. */
    public function readPublish(): ?array
    {
        while (($message = $this->read()) !== null && $message['kind'] === 'hello') {
            $this->welcome();
        }

        return $message;
    }

    public function welcome(int $maxData = 10_485_760, string $version = '0.1.0', int $oldest = 1, int $newest = 1): void
    {
        $this->frame(0x02, pack('n', strlen($version)) . $version . pack('CCN', $oldest, $newest, $maxData));
    }

    /** @param array<string, mixed> $publish */
    public function receipt(array $publish, int $subscribers = 1): void
    {
        $this->frame(0x04, hex2bin($publish['id']) . pack('N', $subscribers));
    }

    /** @param array<string, mixed> $publish */
    public function refuse(array $publish, int $code, string $message): void
    {
        $this->frame(0x05, hex2bin($publish['id']) . pack('nn', $code, strlen($message)) . $message);
    }

    public function raw(string $bytes): void
    {
        @fwrite($this->stream, $bytes); // the client may have gone, which some tests are about
    }

    /**
     * Passes everything on to a real sidecar, and what that answers back, changed.
     *
     * @param Closure(string): string $change
     */
    public function relay(string $socket, Closure $change): void
    {
        $sidecar = stream_socket_client("unix://$socket");
        do {
            [$readable, $none] = [[$this->stream, $sidecar], null];
            stream_select($readable, $none, $none, 60);
            foreach ($readable as $from) {
                $bytes = (string) fread($from, 65_536);
                $from === $sidecar ? $this->raw($change($bytes)) : fwrite($sidecar, $bytes);
            }
        } while ($readable !== [] && $bytes !== '');
        $this->close();
    }

    /** Never answers again, and keeps the connection open. */
    public function hang(): never
    {
        while (true) {
            sleep(60);
        }
    }

    public function close(): void
    {
        fclose($this->stream);
    }

    private function frame(int $kind, string $body): void
    {
        $this->raw("RE\x01" . chr($kind) . pack('N', strlen($body)) . $body);
    }

    private function bytes(int $count): ?string
    {
        $bytes = $count === 0 ? '' : stream_get_contents($this->stream, $count);

        return is_string($bytes) && strlen($bytes) === $count ? $bytes : null;
    }

    /** @return array<string, mixed> */
    private function hello(string $body): array
    {
        $length = unpack('n', $body)[1];

        return ['kind' => 'hello', 'client' => substr($body, 2, $length), 'pid' => unpack('N', $body, 2 + $length)[1]];
    }

    /** @return array<string, mixed> */
    private function publish(string $body): array
    {
        $at = 25;
        $number = static function () use ($body, &$at): int {
            $at += 2;

            return unpack('n', $body, $at - 2)[1];
        };
        $text = static function () use ($body, &$at, $number): string {
            $length = $number();
            $at += $length;

            return substr($body, $at - $length, $length);
        };
        $channels = [];
        for ($left = $number(); $left > 0; $left--) {
            $channels[] = $text();
        }

        return [
            'kind' => 'publish', 'flags' => ord($body[0]),
            'id' => bin2hex(substr($body, 1, 16)), 'time' => unpack('J', $body, 17)[1],
            'channels' => $channels, 'event' => $text(), 'socket' => $text(), 'trace' => $text(),
            'data' => substr($body, $at),
        ];
    }
}
