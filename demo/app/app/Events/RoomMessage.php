<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\PresenceChannel;

/** To those who are here: a presence channel. */
final class RoomMessage extends DemoEvent
{
    public function broadcastOn()
    {
        return new PresenceChannel('room');
    }
}
