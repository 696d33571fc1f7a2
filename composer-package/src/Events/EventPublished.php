<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Events;

/**
 * An event has left the application: the sidecar has it, or it waits in the spool, or a fallback has taken it.
 *
 * Dispatched only where somebody listens. Telescope does: it shows these with the tags below.
 */
final class EventPublished
{
    use Tagged;

    /**
     * @param list<string> $channels full wire names
     * @param string $event what pages listen for
     * @param int $bytes of its data, as JSON
     * @param string|null $socketId the socket that is left out
     * @param string $id 32 hexadecimal digits, as the console of the sidecar shows it; empty where there is none
     * @param int|null $subscribers how many sockets of the node got it; null: there was no receipt, or not yet
     * @param bool $accepted whether the sidecar has said so
     * @param bool $spooled whether it waits on disk until the sidecar is back
     * @param bool $diverted whether the fallback of the setting on_failure, `redis` or `log`, has taken it
     * @param float $milliseconds what it took
     */
    public function __construct(
        public readonly array $channels,
        public readonly string $event,
        public readonly int $bytes,
        public readonly ?string $socketId,
        public readonly string $id,
        public readonly ?int $subscribers,
        public readonly bool $accepted,
        public readonly bool $spooled,
        public readonly bool $diverted,
        public readonly float $milliseconds,
    ) {
    }

    /** @return list<string> */
    public function tags(): array
    {
        $fate = match (true) {
            $this->spooled => 'rustecho:spooled',
            $this->diverted => 'rustecho:diverted',
            $this->subscribers === 0 => 'rustecho:nobody',
            default => 'rustecho:published',
        };

        return $this->tagged($fate);
    }
}
