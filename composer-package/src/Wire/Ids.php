<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

/** Draws event ids: eight random bytes for the process, drawn anew after a fork, and a number that counts up. */
final class Ids
{
    private int $drawnFor = 0;
    private string $process = '';
    private int $count = 0;

    /** @return string 16 bytes */
    public function next(): string
    {
        if ($this->drawnFor !== getmypid()) {
            $this->drawnFor = (int) getmypid();
            $this->process = random_bytes(8);
            $this->count = 0;
        }

        return $this->process . pack('J', ++$this->count);
    }
}
