<?php

use App\Events\NewsPublished;
use Illuminate\Support\Facades\Artisan;

Artisan::command('demo:news {text}', function (string $text): void {
    event(new NewsPublished('artisan', $text, config('broadcasting.default')));
    $this->info('broadcast');
})->purpose('Broadcast a piece of news to every open page');
