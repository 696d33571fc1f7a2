<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

/** What became of one publish. */
final class Receipt
{
    /**
     * @param string $id the event's id, 32 hexadecimal digits; empty when nothing was published
     * @param int|null $subscribers how many sockets of the node got the event; null without a receipt
     * @param bool $accepted whether the sidecar said that it has accepted the event
     * @param bool $spooled whether it waits on disk until the sidecar is back
     * @param bool $diverted whether a fallback has taken it (on_failure `redis` or `log`)
     */
    public function __construct(
        public readonly string $id,
        public readonly ?int $subscribers,
        public readonly bool $accepted,
        public readonly bool $spooled = false,
        public readonly bool $diverted = false,
    ) {
    }
}
