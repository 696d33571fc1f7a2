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
     */
    public function __construct(
        public readonly string $id,
        public readonly ?int $subscribers,
        public readonly bool $accepted,
    ) {
    }
}
