<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Pulse;

use Illuminate\Support\Collection;
use Illuminate\Support\Facades\Config;
use Illuminate\Support\Facades\View;
use Laravel\Pulse\Livewire\Card as PulseCard;

/** Pulse's card of what {@see Publishes} has recorded: `<livewire:rustecho.publishes cols="6" />`. */
final class Card extends PulseCard
{
    /** What the table is sorted by: `count`, `slowest`, `failed` or `spooled`. */
    public string $orderBy = 'count';

    /** @return \Illuminate\Contracts\View\View */
    public function render()
    {
        [$publishes, $time, $runAt] = $this->remember(fn (): Collection => $this->lines(), $this->orderBy);

        return View::make('rustecho::pulse.publishes', [
            'publishes' => $publishes,
            'time' => $time,
            'runAt' => $runAt,
            'period' => $this->periodForHumans(),
            'rate' => (float) (Config::get('pulse.recorders.' . Publishes::class . '.sample_rate') ?? 1),
        ]);
    }

    /** @return Collection<int, object{event: string, channels: string, count: int, slowest: ?int, failed: int, spooled: int}> */
    private function lines(): Collection
    {
        $published = $this->aggregate(Publishes::PUBLISHED, ['max', 'count'])->keyBy('key');
        $failed = $this->aggregate(Publishes::FAILED, ['count'])->keyBy('key');
        $spooled = $this->aggregate(Publishes::SPOOLED, ['count'])->keyBy('key');
        $keys = $published->keys()->merge($failed->keys())->unique();
        $row = static function (string $key) use ($published, $failed, $spooled): object {
            [$event, $channels] = (array) json_decode($key, true) + ['', ''];

            return (object) [
                'event' => (string) $event,
                'channels' => (string) $channels,
                'count' => (int) ($published->get($key)->count ?? 0),
                'slowest' => isset($published->get($key)->max) ? (int) $published->get($key)->max : null,
                'failed' => (int) ($failed->get($key)->count ?? 0),
                'spooled' => (int) ($spooled->get($key)->count ?? 0),
            ];
        };
        $column = in_array($this->orderBy, ['count', 'slowest', 'failed', 'spooled'], true) ? $this->orderBy : 'count';

        return $keys->map($row)->sortByDesc($column)->values();
    }
}
