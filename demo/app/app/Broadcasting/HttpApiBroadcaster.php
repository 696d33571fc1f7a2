<?php

declare(strict_types=1);

namespace App\Broadcasting;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Support\Arr;
use Illuminate\Support\Facades\Http;
use Throwable;

/** The HTTP road: one POST to the sidecar's API per event. Subscriptions are authorised by the rustecho driver. */
final class HttpApiBroadcaster extends Broadcaster
{
    private string $url;
    private string $key;

    public function __construct(string $url, string $key)
    {
        $this->url = $url;
        $this->key = $key;
    }

    public function auth($request)
    {
        return null;
    }

    public function validAuthenticationResponse($request, $result)
    {
        return $result;
    }

    public function broadcast(array $channels, $event, array $payload = [])
    {
        $socket = Arr::pull($payload, 'socket');
        try {
            Http::withToken($this->key)->timeout(2)->post($this->url, array_filter([
                'name' => $event,
                'channels' => $this->formatChannels($channels),
                'data' => $payload,
                'socket_id' => $socket,
            ]))->throw();
        } catch (Throwable $e) {
            throw new BroadcastException('the HTTP API of the sidecar: ' . $e->getMessage(), 0, $e);
        }
    }
}
