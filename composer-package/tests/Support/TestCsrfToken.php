<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken;

/** An application's own subclass, as every application has, that checks under PHPUnit as well. */
final class TestCsrfToken extends VerifyCsrfToken
{
    /** @return bool */
    protected function runningUnitTests()
    {
        return false;
    }
}
