<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Auth\Middleware\Authenticate;
use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Cookie\Middleware\EncryptCookies;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Routing\Middleware\SubstituteBindings;
use Illuminate\Session\Middleware\StartSession;

/** The middleware that a fresh Laravel application has where it matters here. */
final class TestHttpKernel extends Kernel
{
    /** @var array<string, array<int, class-string>> */
    protected $middlewareGroups = ['web' => [
        EncryptCookies::class,
        AddQueuedCookiesToResponse::class,
        StartSession::class,
        TestCsrfToken::class,
        SubstituteBindings::class,
    ]];

    /** @var array<string, class-string> */
    protected $routeMiddleware = ['auth' => Authenticate::class];
}
