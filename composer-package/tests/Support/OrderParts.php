<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use JsonSerializable;

/** Says itself what a browser gets of it. */
final class OrderParts implements JsonSerializable
{
    public function __construct(private mixed $parts)
    {
    }

    public function jsonSerialize(): mixed
    {
        return ['parts' => $this->parts];
    }
}
