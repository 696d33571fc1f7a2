<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Broadcasting\Channel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

final class OrderWith implements ShouldBroadcastNow
{
    public function __construct(private mixed $data)
    {
    }

    public function broadcastOn(): Channel
    {
        return new Channel('orders');
    }

    /** @return array<string, mixed> */
    public function broadcastWith(): array
    {
        return ['data' => $this->data];
    }
}
