<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Events;

use Throwable;

/** An event was not published, and is not kept either. Dispatched only where somebody listens. */
final class PublishFailed
{
    use Tagged;

    /**
     * @param list<string> $channels full wire names; empty where they are what is wrong
     * @param string $event what pages would have listened for
     * @param int $bytes of its data, as JSON; 0 where it could not be encoded
     * @param string $reason the exception's message
     * @param Throwable $exception what the application gets, or what is reported where nobody waits any more
     * @param float|null $milliseconds what it took; null for a receipt that was collected later
     */
    public function __construct(
        public readonly array $channels,
        public readonly string $event,
        public readonly int $bytes,
        public readonly string $reason,
        public readonly Throwable $exception,
        public readonly ?float $milliseconds,
    ) {
    }

    /** @return list<string> */
    public function tags(): array
    {
        return $this->tagged('rustecho:failed');
    }
}
