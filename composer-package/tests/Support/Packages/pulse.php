<?php

declare(strict_types=1);

// Stands in for laravel/pulse, as much of its public interface as the recorder and the card use. It cannot be had where these
// tests run: that they fit the real package is read, not tried.

namespace Laravel\Pulse {
    final class Entry
    {
        /** @var list<string> */
        public array $aggregates = [];

        public function __construct(public string $type, public string $key, public ?int $value, public ?int $timestamp)
        {
        }

        public function max(): self
        {
            $this->aggregates[] = 'max';

            return $this;
        }

        public function count(): self
        {
            $this->aggregates[] = 'count';

            return $this;
        }
    }

    class Pulse
    {
        /** @var list<Entry> */
        public array $entries = [];

        public function record(string $type, string $key, ?int $value = null, ?int $timestamp = null): Entry
        {
            return $this->entries[] = new Entry($type, $key, $value, $timestamp);
        }
    }
}

namespace Laravel\Pulse\Livewire {
    abstract class Card
    {
        public int|string|null $cols = null;
        /** @var array<string, list<object>> what was recorded */
        public array $recorded = [];

        public function periodForHumans(): string
        {
            return 'hour';
        }

        /** @return array{mixed, float, string} */
        protected function remember(callable $query, string $key = ''): array
        {
            return [$query(), 1.0, 'now'];
        }

        /** @param list<string> $aggregates */
        protected function aggregate(string $type, string|array $aggregates): \Illuminate\Support\Collection
        {
            return new \Illuminate\Support\Collection($this->recorded[$type] ?? []);
        }
    }
}
