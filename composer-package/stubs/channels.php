<?php

use Illuminate\Support\Facades\Broadcast;

/*
|--------------------------------------------------------------------------
| Broadcast channels
|--------------------------------------------------------------------------
|
| Who may have which private or presence channel. A name without a callback
| is denied. For private channels say true or false; for presence channels
| give back what the other members may see of this one.
|
*/

Broadcast::channel('App.Models.User.{id}', fn ($user, $id) => (int) $user->id === (int) $id);
