<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Http\Request;

final class TestController
{
    public function login(Request $request, string $user): string
    {
        $request->session()->put('user', $user);

        return 'welcome';
    }

    /** Guarded by the CSRF check: shows that the check is on in the tests. */
    public function form(): string
    {
        return 'taken';
    }
}
