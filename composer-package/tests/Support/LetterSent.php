<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Notifications\Messages\BroadcastMessage;
use Illuminate\Notifications\Notification;

final class LetterSent extends Notification
{
    public function __construct(private mixed $text)
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

    public function toBroadcast(): BroadcastMessage
    {
        return new BroadcastMessage(['text' => $this->text]);
    }
}
