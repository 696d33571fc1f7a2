<?php

declare(strict_types=1);

namespace App\Providers;

use App\Auth\ListedUsers;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\ServiceProvider;

/** Users without a database. */
final class AppServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Auth::provider('listed', fn () => new ListedUsers());
    }
}
