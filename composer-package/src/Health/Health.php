<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Health;

/** What {@see SidecarHealth} found. */
final class Health
{
    public const OK = 'ok';
    public const WARNING = 'warning';
    public const FAILED = 'failed';

    /** @param array<string, string|int> $about the sidecar's release, and how long its answer took */
    public function __construct(
        public readonly string $status,
        public readonly string $message,
        public readonly array $about = [],
    ) {
    }

    public function isFailed(): bool
    {
        return $this->status === self::FAILED;
    }
}
