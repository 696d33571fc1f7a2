<?php

declare(strict_types=1);

// Stands in for spatie/laravel-health, as pulse.php does for laravel/pulse.

namespace Spatie\Health\Checks {
    abstract class Check
    {
        abstract public function run(): Result;
    }

    final class Result
    {
        public string $status = '';
        public string $message = '';
        public string $summary = '';
        /** @var array<string, mixed> */
        public array $meta = [];

        public static function make(): self
        {
            return new self();
        }

        /** @param array<string, mixed> $meta */
        public function meta(array $meta): self
        {
            $this->meta = $meta;

            return $this;
        }

        public function shortSummary(string $summary): self
        {
            $this->summary = $summary;

            return $this;
        }

        /** @param array{string} $message */
        public function __call(string $status, array $message): self
        {
            [$this->status, $this->message] = [$status, $message[0]];

            return $this;
        }
    }
}
