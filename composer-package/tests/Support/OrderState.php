<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

enum OrderState: string
{
    case Shipped = 'order.shipped';
}
