<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Contracts;

use Rustecho\Exception;
use Rustecho\Laravel\Delivery\Event;

/** What becomes of an event that the sidecar could not be given. */
interface Fallback
{
    /** @throws \Throwable when this does not work either */
    public function take(Event $event, Exception $cause): void;
}
