<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Notifications\AnonymousNotifiable;
use Illuminate\Notifications\Messages\BroadcastMessage;
use Illuminate\Notifications\Notification;

/** Waits in a queue that tries again; its broadcast takes the connection that it is given. */
final class LetterTried extends Notification implements ShouldQueue
{
    use Queueable;

    /** @param string|null $fixedId an id that the application gives to all of them */
    public function __construct(private string $broadcastBy, ?string $fixedId = null)
    {
        $this->id = $fixedId;
        $this->connection = 'database';
    }

    /** @return list<string> */
    public function via(): array
    {
        return ['broadcast'];
    }

    /** @return list<PrivateChannel> */
    public function broadcastOn(): array
    {
        return [new PrivateChannel('people.9')];
    }

    public function toBroadcast(AnonymousNotifiable $to): BroadcastMessage
    {
        return (new BroadcastMessage(['to' => $to->routes['name'] ?? '']))->onConnection($this->broadcastBy);
    }
}
