<?php

use App\Events\Note;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Redis;
use Illuminate\Support\Facades\Route;

/** Runs a publish; what it threw becomes the answer, so that a test can read it. */
$answer = function (callable $publish) {
    try {
        return response()->json(['result' => $publish()]);
    } catch (Throwable $thrown) {
        $chain = [];
        for ($link = $thrown; $link !== null; $link = $link->getPrevious()) {
            $chain[] = ['class' => get_class($link), 'message' => $link->getMessage()];
        }

        return response()->json(['thrown' => $chain], 500);
    }
};

// event(): {note, channels, connection, others}; with others, X-Socket-ID is left out
Route::post('/event', fn (Request $request) => $answer(function () use ($request) {
    $event = new Note($request->input('note'), $request->input('channels'), $request->input('connection'));
    if ($request->boolean('others')) {
        $event->dontBroadcastToCurrentUser();
    }
    event($event);

    return true;
}));

// Redis::publish(), by hand as some applications do: {channel, message}
Route::post('/redis-publish', fn (Request $request) => $answer(
    fn () => Redis::publish($request->input('channel'), $request->input('message'))
));

// the broadcaster itself: {connection, channels, event, payload}
Route::post('/broadcast', fn (Request $request) => $answer(
    fn () => Broadcast::connection($request->input('connection'))
        ->broadcast($request->input('channels'), $request->input('event'), $request->input('payload', []))
));

// the extension's own function: {channels, event, json, socket}
Route::post('/extension', fn (Request $request) => $answer(fn () => rustecho_publish(
    $request->input('channels'),
    (string) $request->input('event'),
    (string) $request->input('json'),
    $request->input('socket'),
)));

Route::get('/extension', fn () => $answer(fn () => rustecho_status()));
