<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

/**
 * A Socket.IO client as small as it can be: connects by long polling, subscribes as Laravel Echo does, and reads events.
 *
 * For the doctor, which has to see what a visitor would see.
 */
final class Browser
{
    private const SEPARATOR = "\x1e";
    private const POLL_SECONDS = 30.0; // a sidecar's ping comes every 25 s at the latest

    /** @var list<array<int, mixed>> events that nobody has asked for yet */
    private array $events = [];
    private string $socketId = '';

    /** @param array<string, string> $headers of every request */
    private function __construct(private string $url, private readonly array $headers, private readonly float $seconds)
    {
    }

    /**
     * @param string $url scheme, host and port
     * @param array<string, string> $headers such as the visitor's cookie
     * @param float $seconds the longest that one step may take
     *
     * @throws Unreachable when nobody answers there, or nobody who speaks Socket.IO
     */
    public static function open(string $url, array $headers = [], float $seconds = 5.0): self
    {
        $self = new self(rtrim($url, '/') . '/socket.io/?EIO=4&transport=polling', $headers, $seconds);
        $opening = $self->get($self->seconds);
        $session = json_decode(substr($opening, 1), true);
        if ($opening[0] !== '0' || ! is_string($session['sid'] ?? null)) {
            throw new Unreachable("$url/socket.io/ answers, but not with a Socket.IO session: is it the sidecar?");
        }
        $self->url .= '&sid=' . rawurlencode($session['sid']);
        $self->post('40');
        $self->take(static fn (): bool => $self->socketId !== '', $self->seconds);

        return $self;
    }

    public function socketId(): string
    {
        return $this->socketId;
    }

    /** @param array<string, string> $headers that Echo would have in auth.headers */
    public function subscribe(string $channel, array $headers = []): void
    {
        $this->emit('subscribe', ['channel' => $channel, 'auth' => ['headers' => (object) $headers]]);
    }

    public function emit(string $event, mixed ...$arguments): void
    {
        $this->post('42' . json_encode([$event, ...$arguments], JSON_THROW_ON_ERROR));
    }

    /**
     * Waits for an event, and forgets those before it. When it does not come in time the connection is of no more use.
     *
     * @param callable(array<int, mixed>): bool $wanted gets the event's name and its arguments
     * @return array<int, mixed>|null null when it did not come in time
     *
     * @throws Unreachable
     */
    public function waitFor(callable $wanted, ?float $seconds = null): ?array
    {
        $found = null;
        $look = function () use ($wanted, &$found): bool {
            while ($found === null && $this->events !== []) {
                $event = array_shift($this->events);
                $found = $wanted($event) ? $event : null;
            }

            return $found !== null;
        };
        $this->take($look, $seconds ?? $this->seconds);

        return $found;
    }

    /** As echo.disconnect() does: without the farewell of Socket.IO the session, and its presence members, would be kept. */
    public function close(): void
    {
        try {
            $this->post('41' . self::SEPARATOR . '1');
        } catch (Unreachable) {
            // Gone already.
        }
    }

    /** Polls until $enough says so, or the time is over. */
    private function take(callable $enough, float $seconds): void
    {
        $end = microtime(true) + $seconds;
        while (! $enough() && ($left = $end - microtime(true)) > 0) {
            try {
                $packets = $this->get(min($left, self::POLL_SECONDS));
            } catch (Unreachable $silence) {
                if (microtime(true) < $end - 0.1) {
                    throw $silence;
                }

                return;
            }
            array_map($this->packet(...), explode(self::SEPARATOR, $packets));
        }
    }

    private function packet(string $packet): void
    {
        $kind = substr($packet, 0, 2);
        if ($packet === '2') {
            $this->post('3');
        } elseif ($kind === '40') {
            $this->socketId = (string) (json_decode(substr($packet, 2), true)['sid'] ?? '');
        } elseif ($kind === '42' && is_array($event = json_decode(substr($packet, 2), true))) {
            $this->events[] = $event;
        }
    }

    private function get(float $seconds): string
    {
        return $this->body(Http::request('GET', $this->url, $this->headers, '', $seconds));
    }

    private function post(string $packet): void
    {
        $type = ['Content-Type' => 'text/plain;charset=UTF-8'];
        $this->body(Http::request('POST', $this->url, $this->headers + $type, $packet, $this->seconds));
    }

    /** @param array{status: int, headers: array<string, string>, body: string} $answer */
    private function body(array $answer): string
    {
        if ($answer['status'] !== 200 || $answer['body'] === '') {
            throw new Unreachable(strtok($this->url, '?') . " answers {$answer['status']}: is it the sidecar?");
        }

        return $answer['body'];
    }
}
