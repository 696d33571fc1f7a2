<?php

use Illuminate\Support\Facades\Broadcast;

Broadcast::channel('people.{id}', fn ($user, string $id) => $user->id === $id);
Broadcast::channel('room', fn ($user) => ['name' => $user->name]);
