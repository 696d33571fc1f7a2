<?php

declare(strict_types=1);

namespace App\Http\Controllers;

use App\Auth\People;
use App\Events\DemoEvent;
use App\Events\LetterArrived;
use App\Events\NewsPublished;
use App\Events\RoomMessage;
use App\Roads;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** A press of the button: one event, broadcast by the chosen road. */
final class BroadcastController
{
    public function __invoke(Request $request): JsonResponse
    {
        $input = $request->validate([
            'target' => 'required|in:news,room,' . implode(',', array_keys(People::all())),
            'road' => 'required|string',
            'text' => 'required|string|max:500',
            'press' => 'required|string|max:64',
            'others' => 'boolean',
        ]);
        if (! Roads::isOpen($input['road'])) {
            return response()->json(['message' => "the road \"{$input['road']}\" is off"], 422);
        }

        $started = hrtime(true);
        $pending = broadcast(self::event($input, $request->user()->name));
        if ($input['others'] ?? false) {
            $pending->toOthers();
        }
        unset($pending); // Laravel broadcasts when the pending broadcast goes away: the time is that of the real thing

        return response()->json(['microseconds' => intdiv(hrtime(true) - $started, 1000)]);
    }

    /** @param array{target: string, road: string, text: string, press: string} $input */
    private static function event(array $input, string $from): DemoEvent
    {
        $what = [$from, $input['text'], $input['road'], $input['press']];
        switch ($input['target']) {
            case 'news':
                return new NewsPublished(...$what);
            case 'room':
                return new RoomMessage(...$what);
            default:
                return new LetterArrived($input['target'], ...$what);
        }
    }
}
