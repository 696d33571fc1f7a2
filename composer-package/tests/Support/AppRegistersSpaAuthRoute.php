<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

/** As Sanctum's documentation has it for a page that logs in by the session: there is no `web` about its route. */
final class AppRegistersSpaAuthRoute extends ServiceProvider
{
    public function boot(): void
    {
        Route::middlewareGroup('api', [EnsureFrontendRequestsAreStateful::class]);
        Broadcast::routes(['middleware' => ['api', 'auth:sanctum']]);
    }
}
