<?php

use App\Events\Note;
use Illuminate\Support\Facades\Artisan;

Artisan::command('note {connection} {channel} {notes*}', function (string $connection, string $channel, array $notes) {
    foreach ($notes as $note) {
        event(new Note($note, [$channel], $connection));
    }
});
