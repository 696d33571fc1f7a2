<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\Channel;

/** To everybody: a public channel. */
final class NewsPublished extends DemoEvent
{
    public function broadcastOn()
    {
        return new Channel('news');
    }
}
