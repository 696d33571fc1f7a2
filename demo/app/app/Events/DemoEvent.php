<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\InteractsWithBroadcasting;
use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;
use Illuminate\Foundation\Events\Dispatchable;

/** What the three events have in common: who, what, and the road they take, so that the page can show it. */
abstract class DemoEvent implements ShouldBroadcastNow
{
    use Dispatchable;
    use InteractsWithBroadcasting;
    use InteractsWithSockets;

    public string $from;
    public string $text;
    public string $road;
    public string $press;

    /** @param string $press names the press of the button, so that the page can tell how long its event took */
    public function __construct(string $from, string $text, string $road, string $press = '')
    {
        $this->from = $from;
        $this->text = $text;
        $this->road = $road;
        $this->press = $press;
        $this->broadcastVia($road);
    }
}
