<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

final class AppRegistersOwnAuthRoute extends ServiceProvider
{
    public function boot(): void
    {
        Route::middleware('auth:api')->post('/broadcasting/auth', [TestController::class, 'form']);
    }
}
