<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Psr\Log\LoggerInterface;
use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Fallback;

/** Says that an event was dropped, and goes on. */
final class LogFallback implements Fallback
{
    public function __construct(private readonly LoggerInterface $log)
    {
    }

    public function take(Event $event, Exception $cause): void
    {
        $this->log->error("rustecho dropped {$event->shown()}: {$cause->getMessage()}", ['id' => $event->id]);
    }
}
