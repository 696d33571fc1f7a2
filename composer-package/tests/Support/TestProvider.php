<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Auth\GenericUser;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

/** An application without a database: the session names the user of `web`, a bearer token that of `api`. */
final class TestProvider extends RouteServiceProvider
{
    public function boot(): void
    {
        Auth::viaRequest('visitor', static fn (Request $request): ?GenericUser => self::user(
            $request->hasSession() ? $request->session()->get('user') : null,
        ));
        Auth::viaRequest('token-header', static fn (Request $request): ?GenericUser => self::user($request->bearerToken()));
        $this->routes(static function (): void {
            Route::middleware('web')->get('/login/{user}', [TestController::class, 'login']);
            Route::middleware('web')->post('/form', [TestController::class, 'form']);
        });
    }

    private static function user(mixed $id): ?GenericUser
    {
        return $id === null ? null : new GenericUser(['id' => (int) $id, 'name' => "user $id"]);
    }
}
