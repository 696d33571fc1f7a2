<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use Psr\Log\NullLogger;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Sidecar\Browser;

/** Subscribes to a guarded channel, and finds out what became of it. */
final class Question
{
    public const EVENT = 'RustechoDoctor';

    private const KNOCK = 'presence-rustecho-doctor.knock';

    private ?WebPhp $web = null;

    /** @param float $seconds the longest wait for the answer */
    public function __construct(
        private readonly Browser $browser,
        private readonly Visit $visit,
        private readonly float $seconds,
    ) {
    }

    /**
     * @return int|null Laravel's status as the sidecar tells it, 200 for a subscription; null when nothing came in time
     *
     * @throws \Rustecho\Exception
     * @throws \Rustecho\Laravel\Sidecar\Unreachable
     */
    public function ask(string $channel): ?int
    {
        $end = microtime(true) + $this->seconds;
        $publisher = new StreamPublisher($this->visit->settings->withoutFallback(), new NullLogger());
        $silent = ! str_starts_with($channel, 'presence-');
        $this->browser->subscribe($channel, $this->visit->headers);
        do {
            if ($silent) {
                // A private channel does not say that it is granted: an event on it does. Pages do not listen for this one.
                $publisher->publish([$channel], self::EVENT, '{}', null);
                $this->browser->subscribe(self::KNOCK, $this->visit->headers);
            }
            $answer = $this->browser->waitFor(
                static fn (array $event): bool => in_array($event[1] ?? null, [$channel, self::KNOCK], true),
                $end - microtime(true),
            );
            // A knock is answered when the sidecar has asked Laravel once more: time to look again.
        } while ($answer !== null && $answer[1] === self::KNOCK && microtime(true) < $end);

        $this->web ??= $this->told($answer);

        return match ($answer[0] ?? null) {
            'subscription_error' => (int) ($answer[2] ?? 0),
            'presence:subscribed', self::EVENT => $answer[1] === $channel ? 200 : null,
            default => null,
        };
    }

    /** The PHP that has answered Laravel's auth route; null before it has told. */
    public function web(): ?WebPhp
    {
        return $this->web;
    }

    /** @param array<int, mixed>|null $answer */
    private function told(?array $answer): ?WebPhp
    {
        if (($answer[0] ?? null) !== 'presence:subscribed' || ! is_array($answer[2] ?? null)) {
            return null;
        }
        $infos = array_column($answer[2], 'user_info', 'user_id');

        return WebPhp::from($infos[ProbeChannel::MEMBER] ?? null);
    }
}
