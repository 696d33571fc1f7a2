<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

/** Has a resource, and lets none into a queue. */
final class OrderFile
{
    /** @var resource */
    private $stream = STDIN;
    public string $path = 'a.pdf';

    /** @return array<string, string> */
    public function __serialize(): array
    {
        return ['path' => $this->path];
    }

    /** @param array<string, string> $values */
    public function __unserialize(array $values): void
    {
        $this->path = $values['path'];
    }
}
