<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Contracts;

use Rustecho\Laravel\Receipt;

/** A publisher whose receipts may be collected later. */
interface Road extends Publisher
{
    /**
     * @param 'receipt'|'deferred'|'none'|null $ack in place of the setting
     * @param bool $more another event follows: unless a receipt is awaited, this one may wait for it, to travel in one write
     * @param string|null $trace a W3C traceparent
     * @param int|null $timeoutMs how long it may take, in place of the setting
     */
    public function publish(
        array $channels,
        string $event,
        string $json,
        ?string $socketId,
        ?string $id = null,
        ?string $ack = null,
        bool $more = false,
        ?string $trace = null,
        ?int $timeoutMs = null,
    ): Receipt;

    /**
     * Writes what `$more` has held back and collects the receipts of the deferred events.
     *
     * @param bool $wait false: takes only those answers that are known already
     *
     * @return array{
     *     accepted: int, spooled: int, failed: int, failures: list<array{id: string, code: int, message: string, fate?: int}>
     * } code: why the sidecar refused it, as in the wire format; 0: it did not get it, or, where the fate is not told or
     *     FATE_UNKNOWN, not surely
     */
    public function collect(bool $wait = true): array;
}
