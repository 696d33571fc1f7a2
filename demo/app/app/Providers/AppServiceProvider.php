<?php

declare(strict_types=1);

namespace App\Providers;

use App\Auth\People;
use App\Broadcasting\HttpApiBroadcaster;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

final class AppServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Auth::provider('people', fn () => new People());
        Broadcast::extend('http-api', fn ($app, $config) => new HttpApiBroadcaster($config['url'], $config['key']));

        require base_path('routes/channels.php');
        Route::middleware('web')->group(base_path('routes/web.php'));
    }
}
