<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Notifications\Notification;

/** Waits in a queue before it becomes an event. */
final class LetterQueued extends Notification implements ShouldQueue
{
    use Queueable;

    /** @param mixed $seen by no browser */
    public function __construct(private mixed $text, private mixed $seen = null)
    {
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

    /** @return array<string, mixed> */
    public function toArray(): array
    {
        return ['text' => $this->text];
    }
}
