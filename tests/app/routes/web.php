<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

Route::get('/', fn () => ['laravel' => app()->version(), 'extension' => extension_loaded('rustecho')]);

Route::get('/login/{id}', function (Request $request, int $id) {
    Auth::loginUsingId($id);

    return ['id' => Auth::id(), 'csrf' => $request->session()->token()];
});

Route::get('/visit', fn (Request $request) => ['csrf' => $request->session()->token()]);

// a page with the Echo and the socket.io-client that the query names, as addresses
Route::get('/page', fn (Request $request) => response(sprintf(
    '<!doctype html><title>page</title><meta name="csrf-token" content="%s"><script src="%s"></script><script src="%s"></script>',
    e($request->session()->token()),
    e($request->query('io')),
    e($request->query('echo')),
)));
