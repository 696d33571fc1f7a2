<x-pulse::card :cols="$cols" :rows="$rows" :class="$class">
    <x-pulse::card-header
        name="Broadcasts"
        title="Time: {{ number_format($time) }}ms; Run at: {{ $runAt }};"
        details="by rustecho, past {{ $period }}"
    >
        <x-slot name="icon">
            <x-pulse::icons.rocket-launch />
        </x-slot>
        <x-slot name="actions">
            <x-pulse::select
                wire:model.live="orderBy"
                label="Sort by"
                :options="['count' => 'count', 'slowest' => 'slowest', 'failed' => 'failed', 'spooled' => 'spooled']"
                @@change="loading = true"
            />
        </x-slot>
    </x-pulse::card-header>

    <x-pulse::scroll :expand="$expand" wire:poll.5s="">
        @if ($publishes->isEmpty())
            <x-pulse::no-results />
        @else
            <x-pulse::table>
                <x-pulse::thead>
                    <tr>
                        <x-pulse::th>Event</x-pulse::th>
                        <x-pulse::th class="text-right">Count</x-pulse::th>
                        <x-pulse::th class="text-right">Failed</x-pulse::th>
                        <x-pulse::th class="text-right">Spooled</x-pulse::th>
                        <x-pulse::th class="text-right">Slowest</x-pulse::th>
                    </tr>
                </x-pulse::thead>
                <tbody>
                    @foreach ($publishes->take(100) as $row)
                        <tr wire:key="{{ md5($row->event . $row->channels) }}">
                            <x-pulse::td class="max-w-[1px]">
                                <code class="block text-xs text-gray-900 dark:text-gray-100 truncate" title="{{ $row->event }}">{{ $row->event }}</code>
                                <p class="mt-1 text-xs text-gray-500 dark:text-gray-400 truncate" title="{{ $row->channels }}">{{ $row->channels }}</p>
                            </x-pulse::td>
                            @foreach ([$row->count, $row->failed, $row->spooled] as $number)
                                <x-pulse::td numeric class="text-gray-700 dark:text-gray-300 font-bold">{{ $rate < 1 && $rate > 0 ? '~' . number_format($number / $rate) : number_format($number) }}</x-pulse::td>
                            @endforeach
                            <x-pulse::td numeric class="text-gray-700 dark:text-gray-300">{{ $row->slowest === null ? '–' : number_format($row->slowest / 1000, 2) . ' ms' }}</x-pulse::td>
                        </tr>
                    @endforeach
                </tbody>
            </x-pulse::table>
        @endif
    </x-pulse::scroll>
</x-pulse::card>
