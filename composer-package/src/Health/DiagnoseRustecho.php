<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Health;

use RuntimeException;

/**
 * Lets Laravel's `/up` answer 500 while the sidecar is away: `Event::listen(DiagnosingHealth::class, DiagnoseRustecho::class)`,
 * or RUSTECHO_HEALTH_UP=true. Not so by itself: an application whose events wait in the spool still serves its pages.
 */
final class DiagnoseRustecho
{
    public function __construct(private readonly SidecarHealth $health)
    {
    }

    public function handle(): void
    {
        $health = $this->health->check();
        if ($health->isFailed()) {
            throw new RuntimeException("rustecho: $health->message");
        }
    }
}
