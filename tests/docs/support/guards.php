<?php

// Stands for what laravel/sanctum and a package for JWTs bring: guards, under their names, made as those packages make them. This
// file is the application's routes/api.php, with which it is loaded.

use App\Auth\ListedUsers;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

/** Sanctum's guard is Laravel's RequestGuard with a callback that looks the token up, after asking the session's guard. */
Auth::viaRequest('sanctum', function (Request $request) {
    $user = preg_match('/^token-of-(\d+)$/', (string) $request->bearerToken(), $token) === 1 ? $token[1] : null;

    return $user === null ? null : (new ListedUsers())->retrieveById($user);
});
config(['auth.guards.sanctum' => ['driver' => 'sanctum', 'provider' => null]]);

/** A JWT's guard reads the token, its signature and its end; here `fresh-1` is a token of user 1, anything else has expired. */
Auth::viaRequest('jwt', function (Request $request) {
    return $request->bearerToken() === 'fresh-1' ? (new ListedUsers())->retrieveById(1) : null;
});
config(['auth.guards.api' => ['driver' => 'jwt', 'provider' => 'users']]);

Route::get('/refresh', fn () => ['token' => 'fresh-1']);
