<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\Broadcasters\UsePusherChannelConventions;
use Illuminate\Support\Str;
use Rustecho\Laravel\Contracts\Publisher;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;
use Throwable;

/** The broadcast driver `rustecho`: answers the sidecar's questions about channels, and publishes events. */
final class RustechoBroadcaster extends Broadcaster
{
    use UsePusherChannelConventions;

    private const MAX_SOCKET_ID_BYTES = 255;
    private const CHANNELS_IN_MESSAGES = 3;

    public function __construct(private readonly Publisher $publisher)
    {
    }

    /**
     * Says whether the visitor may have the channel.
     *
     * @param \Illuminate\Http\Request $request
     * @return mixed
     *
     * @throws AccessDeniedHttpException
     */
    public function auth($request)
    {
        $asked = $request->input('channel_name');
        if (! is_string($asked) || $asked === '') {
            throw new AccessDeniedHttpException('The request names no channel.');
        }
        $channel = $this->normalizeChannelName($asked);
        if ($this->isGuardedChannel($asked) && ! $this->retrieveUser($request, $channel)) {
            throw new AccessDeniedHttpException('Nobody is logged in.');
        }

        return $this->verifyUserCanAccessChannel($request, $channel);
    }

    /**
     * Whether the channel needs a user. Like the sidecar, and more strictly than the framework's own drivers, this goes by a
     * prefix anywhere in the name.
     *
     * @param string $channel
     * @return bool
     */
    public function isGuardedChannel($channel)
    {
        return Str::contains($channel, ['private-', 'presence-']);
    }

    /**
     * The body of the answer when the channel's callback agreed: `true` for a private channel, the member for a presence channel.
     *
     * @param \Illuminate\Http\Request $request
     * @param mixed $result what the callback returned
     * @return string
     */
    public function validAuthenticationResponse($request, $result)
    {
        if (is_bool($result)) {
            return $this->encode($result);
        }
        $user = $this->retrieveUser($request, $this->normalizeChannelName($request->input('channel_name')));
        if ($user === null) {
            throw new AccessDeniedHttpException('Nobody is logged in.');
        }
        $identifier = method_exists($user, 'getAuthIdentifierForBroadcasting')
            ? $user->getAuthIdentifierForBroadcasting()
            : $user->getAuthIdentifier();

        return $this->encode(['channel_data' => ['user_id' => $identifier, 'user_info' => $result]]);
    }

    /**
     * Publishes one event.
     *
     * @param array<int, mixed> $channels
     * @param string $event
     * @param array<string, mixed> $payload
     * @return void
     *
     * @throws BroadcastException
     */
    public function broadcast(array $channels, $event, array $payload = [])
    {
        // formatChannels() keeps the keys, which may have holes.
        $names = array_values($this->formatChannels($channels));
        if ($names === []) {
            return;
        }
        $socket = $this->socketId($payload['socket'] ?? null);
        unset($payload['socket']);
        try {
            // An event without data is an empty object to the browser, as every other event is an object.
            $json = $this->encode($payload === [] ? (object) [] : $payload);
            foreach (array_chunk($names, Publisher::MAX_CHANNELS) as $part) {
                $this->publisher->publish($part, (string) $event, $json, $socket);
            }
        } catch (Throwable $cause) {
            throw $this->failure($cause, (string) $event, $names);
        }
    }

    /** Whether anyone has registered a channel with this broadcaster. */
    public function hasChannels(): bool
    {
        return $this->channels !== [];
    }

    /** The browser sends the id in a header: what cannot be a socket's id leaves nobody out, and does not fail the event. */
    private function socketId(mixed $value): ?string
    {
        $possible = is_string($value) && $value !== ''
            && strlen($value) <= self::MAX_SOCKET_ID_BYTES && preg_match('//u', $value) === 1;

        return $possible ? $value : null;
    }

    /** @throws \JsonException */
    private function encode(mixed $value): string
    {
        return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }

    /** @param list<string> $channels */
    private function failure(Throwable $cause, string $event, array $channels): BroadcastException
    {
        $shown = implode(', ', array_map(
            static fn (string $name): string => Str::limit($name, 100),
            array_slice($channels, 0, self::CHANNELS_IN_MESSAGES),
        ));
        $more = count($channels) - self::CHANNELS_IN_MESSAGES;
        $reason = $cause instanceof \JsonException
            ? "its data cannot be written as JSON ({$cause->getMessage()}); correct broadcastWith() or the public properties"
            : rtrim($cause->getMessage(), '.');

        $where = $shown . ($more > 0 ? " and $more more" : '');
        $message = 'rustecho could not broadcast ' . Str::limit($event, 200) . " on $where: $reason.";

        return new BroadcastException($message, (int) $cause->getCode(), $cause);
    }
}
