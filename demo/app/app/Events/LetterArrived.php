<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\PrivateChannel;

/** To one person: a private channel. */
final class LetterArrived extends DemoEvent
{
    private string $to;

    public function __construct(string $to, string $from, string $text, string $road, string $press = '')
    {
        parent::__construct($from, $text, $road, $press);
        $this->to = $to;
    }

    public function broadcastOn()
    {
        return new PrivateChannel('people.' . $this->to);
    }
}
