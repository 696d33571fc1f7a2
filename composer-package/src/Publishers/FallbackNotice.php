<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Psr\Log\LoggerInterface;

/** Says once, under php-fpm at most once a day, that the pure-PHP client has taken over. */
final class FallbackNotice
{
    private const SECONDS_BETWEEN = 86_400;

    public function __construct(private readonly LoggerInterface $log, private readonly Seldom $seldom)
    {
    }

    /** @param string $reason why the extension is not used */
    public function give(string $reason): void
    {
        if ($this->seldom->isDue(self::SECONDS_BETWEEN)) {
            $this->log->notice(
                "rustecho: $reason; using the pure-PHP client. "
                . 'It reaches the same sidecar, with a new connection in every php-fpm request.',
            );
        }
    }
}
