<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Rustecho\Laravel\Sidecar\Http;

/** The built sidecar, with a configuration of its own in a folder of its own. */
final class RealSidecar
{
    private const KEY = 'key-of-the-tests';

    public readonly string $folder;
    public readonly string $url;
    public readonly string $socket;
    public readonly string $config;
    public readonly int $port;
    private ?Running $process = null;

    /** @param array<string, mixed> $settings over what every test wants */
    public function __construct(array $settings = [])
    {
        $this->folder = Scratch::path('sidecar');
        mkdir($this->folder, 0755);
        $this->port = $settings['port'] ?? Ports::free();
        $this->url = "http://127.0.0.1:$this->port";
        $this->socket = "$this->folder/rustecho.sock";
        $this->config = "$this->folder/rustecho.json";
        file_put_contents($this->config, json_encode($settings + [
            'host' => '127.0.0.1', 'port' => $this->port, 'clients' => [['appId' => 'tests', 'key' => self::KEY]],
            'unixSocket' => ['path' => $this->socket, 'mode' => '0666'],
            // A test's client does not poll while it waits for a program.
            'socketio' => ['pingInterval' => 600_000, 'pingTimeout' => 600_000],
        ], JSON_THROW_ON_ERROR));
    }

    public static function binary(): ?string
    {
        $named = getenv('RUSTECHO_BINARY') ?: dirname(__DIR__, 3) . '/target/release/rustecho';

        return is_executable($named) ? $named : null;
    }

    public function start(): self
    {
        $this->process = new Running([(string) self::binary(), 'start', "--config=$this->config"], $this->folder);
        $this->process->printed('Server ready!');

        return $this;
    }

    public function process(): Running
    {
        return $this->process ?? throw new \LogicException('it does not run');
    }

    public function stop(int $signal = SIGTERM): void
    {
        $this->process?->end($signal);
        $this->process = null;
    }

    /** Waits until so many sockets are on the channel. */
    public function hasSubscribers(string $channel, int $count = 1): void
    {
        Wait::until(
            fn (): bool => ($this->api('/channels/' . rawurlencode($channel))['subscription_count'] ?? 0) === $count,
            "$count sockets are on $channel",
        );
    }

    /** @return array<string, mixed> */
    private function api(string $path): array
    {
        $answer = Http::request('GET', "$this->url/apps/tests$path", ['Authorization' => 'Bearer ' . self::KEY]);

        return (array) json_decode($answer['body'], true);
    }
}
