<?php

declare(strict_types=1);

namespace App\Http;

use Illuminate\Auth\Middleware\Authenticate;

/** Sends a guest to the log-in page, or answers 401 where JSON is wanted. */
final class RequireLogin extends Authenticate
{
    protected function redirectTo($request)
    {
        return $request->expectsJson() ? null : '/';
    }
}
