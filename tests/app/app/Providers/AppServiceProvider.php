<?php

declare(strict_types=1);

namespace App\Providers;

use App\Auth\ListedUsers;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

/** Routes, channels and users. The route `broadcasting/auth` is not here: the package under test brings it. */
final class AppServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Auth::provider('listed', fn () => new ListedUsers());
        Route::middleware('web')->group(base_path('routes/web.php'));
        Route::middleware('api')->group(base_path('routes/publish.php'));
        require base_path('routes/channels.php');
    }
}
