<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Events;

/** The tags by which Telescope finds an entry. */
trait Tagged
{
    /** @return list<string> */
    private function tagged(string $fate): array
    {
        // Telescope's column holds 255 characters, and a page of channels helps nobody.
        $channels = array_slice($this->channels, 0, 10);
        $short = static fn (string $text): string => mb_strimwidth($text, 0, 200, '…', 'UTF-8');

        return array_map($short, ['rustecho', $fate, ...$channels]);
    }
}
