<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Health;

use Spatie\Health\Checks\Check;
use Spatie\Health\Checks\Result;

/** For spatie/laravel-health: `Health::checks([RustechoCheck::new()])`. */
final class RustechoCheck extends Check
{
    public function run(): Result
    {
        $health = app(SidecarHealth::class)->check();
        $result = Result::make()->meta($health->about)->shortSummary($health->about['sidecar'] ?? 'no answer');

        return match ($health->status) {
            Health::OK => $result->ok($health->message),
            Health::WARNING => $result->warning($health->message),
            default => $result->failed($health->message),
        };
    }
}
