<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

/** As applications have them to carry values. */
final class OrderNote
{
    public function __construct(public mixed $text, protected mixed $by = null, private mixed $hidden = null)
    {
    }

    public function remembersItself(): self
    {
        $this->hidden = [$this];

        return $this;
    }
}
