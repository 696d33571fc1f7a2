<?php

use App\Auth\People;
use App\Http\Controllers\BroadcastController;
use App\Roads;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;

Route::get('/', function () {
    $people = People::all();
    $roads = Roads::all();
    $me = Auth::user();
    if ($me === null) {
        return view('login', ['people' => $people]);
    }
    $boot = ['me' => $me->id, 'people' => $people, 'roads' => array_column($roads, 'name', 'id')];

    return view('live', ['me' => $me, 'people' => $people, 'roads' => $roads, 'boot' => $boot]);
});

Route::post('/login', function (Request $request) {
    $who = $request->validate(['who' => 'required|in:'.implode(',', array_keys(People::all()))])['who'];
    Auth::loginUsingId($who);
    $request->session()->regenerate();

    return redirect('/');
});

Route::post('/logout', function (Request $request) {
    Auth::logout();
    $request->session()->invalidate();

    return redirect('/');
});

Route::post('/broadcast', BroadcastController::class)->middleware('auth');
