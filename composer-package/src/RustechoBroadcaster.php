<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\Broadcasters\UsePusherChannelConventions;
use Illuminate\Support\Str;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Delivery\EndlessCollection;
use Rustecho\Laravel\Doctor\ProbeChannel;
use Rustecho\Laravel\Doctor\WebPhp;
use Rustecho\Laravel\Publishers\Observer;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;
use Throwable;

/** The broadcast driver `rustecho`: answers the sidecar's questions about channels, and publishes events. */
final class RustechoBroadcaster extends Broadcaster
{
    use UsePusherChannelConventions;

    private const MAX_SOCKET_ID_BYTES = 255;
    private const CHANNELS_IN_MESSAGES = 3;

    /**
     * @param ProbeChannel|null $probe what the doctor may have without being a user
     * @param Observer|null $observer is told what became of each event
     */
    public function __construct(
        private readonly Publisher $publisher,
        private readonly ?ProbeChannel $probe = null,
        private readonly ?Observer $observer = null,
    ) {
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
        if ($this->probe?->grants($asked)) {
            return $this->encode(['channel_data' => ['user_id' => ProbeChannel::MEMBER, 'user_info' => WebPhp::ofItself()]]);
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
     * @param string $event or what else can be a name
     * @param array<string, mixed> $payload
     * @return void
     *
     * @throws BroadcastException
     */
    public function broadcast(array $channels, $event, array $payload = [])
    {
        if ($channels === []) {
            return;
        }
        $socket = $this->socketId($payload['socket'] ?? null);
        unset($payload['socket']);
        $begun = hrtime(true);
        try {
            $names = ChannelNames::of($channels);
            $event = EventName::of($event);
            if (EndlessCollection::isIn($payload)) {
                throw new InvalidEvent('its data has a collection that contains itself (recursion); correct broadcastWith()');
            }
            // An event without data is an empty object to the browser, as every other event is an object.
            $json = $this->encode($payload === [] ? (object) [] : $payload);
            $receipt = $this->publisher->publish($names, $event, $json, $socket);
        } catch (Throwable $cause) {
            $event = is_string($event) ? $event : '';
            $failure = $this->failure($cause, $event, $names ?? null);
            $this->observer?->failed($names ?? [], $event, strlen($json ?? ''), $failure, $begun);
            throw $failure;
        }
        $this->observer?->published($names, $event, strlen($json), $socket, $receipt, $begun);
    }

    /** Whether anyone has registered a channel with this broadcaster. */
    public function hasChannels(): bool
    {
        return $this->channels !== [];
    }

    /** Answers for the channels of another broadcaster, too. */
    public function adopt(Broadcaster $other): void
    {
        $this->channels += $other->channels;
        $this->channelOptions += $other->channelOptions;
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

    /** @param list<string>|null $channels null: they are what is wrong, and the cause says which */
    private function failure(Throwable $cause, string $event, ?array $channels): BroadcastException
    {
        $object = EventBeingBroadcast::find();
        $name = Str::limit(mb_scrub($event, 'UTF-8'), 200);
        $class = $object === null ? $name : EventBeingBroadcast::classOf($object);
        $what = ($name === $class || $name === '' ? $class : "$class as $name") . $this->shown($channels ?? []);
        $message = "rustecho could not broadcast $what: " . Reason::of($cause);

        return new BroadcastException($message, (int) $cause->getCode(), $cause);
    }

    /** @param list<string> $channels */
    private function shown(array $channels): string
    {
        $first = array_slice($channels, 0, self::CHANNELS_IN_MESSAGES);
        $more = count($channels) - count($first);
        $names = implode(', ', array_map(static fn (string $name): string => Str::limit($name, 100), $first));

        return ($first === [] ? '' : " on $names") . ($more > 0 ? " and $more more" : '');
    }
}
