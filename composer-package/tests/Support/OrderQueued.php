<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Contracts\Broadcasting\ShouldBroadcast;

final class OrderQueued implements ShouldBroadcast
{
    /** @param mixed $seen by no browser */
    public function __construct(public mixed $title, private mixed $seen = null, private mixed $on = 'orders')
    {
    }

    public function broadcastOn(): mixed
    {
        return $this->on;
    }
}
