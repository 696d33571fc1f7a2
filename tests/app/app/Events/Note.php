<?php

declare(strict_types=1);

namespace App\Events;

use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\InteractsWithBroadcasting;
use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** The one event of this application: a text on the channels it is given, over the connection it is given. */
final class Note implements ShouldBroadcastNow
{
    use InteractsWithBroadcasting;
    use InteractsWithSockets;

    public string $note;

    /** @var string[] full wire names, `private-` and `presence-` included */
    private array $channels;

    /** @param string[] $channels */
    public function __construct(string $note, array $channels, string $connection)
    {
        $this->note = $note;
        $this->channels = $channels;
        $this->broadcastVia($connection);
    }

    /** @return Channel[] */
    public function broadcastOn(): array
    {
        return array_map(fn (string $name) => new Channel($name), $this->channels);
    }
}
