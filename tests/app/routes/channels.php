<?php

use Illuminate\Support\Facades\Broadcast;

// orders.1.anything belongs to user 1; the rest of the name lets every test have a channel of its own
Broadcast::channel('orders.{owner}.{test}', fn ($user, $owner) => (int) $user->id === (int) $owner);
Broadcast::channel('room.{test}', fn ($user) => ['name' => $user->name]);
