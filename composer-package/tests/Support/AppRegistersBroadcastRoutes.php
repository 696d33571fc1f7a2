<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\ServiceProvider;

final class AppRegistersBroadcastRoutes extends ServiceProvider
{
    public function boot(): void
    {
        Broadcast::routes(['prefix' => 'api', 'middleware' => ['auth:api']]);
    }
}
