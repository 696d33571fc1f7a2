<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Contracts\Foundation\Application;
use Laravel\Pulse\Pulse;
use Rustecho\Laravel\Pulse\Card;

/** What is offered to other packages, each where it is there. */
final class Integrations
{
    public static function register(Application $app): void
    {
        if ($app->bound(Pulse::class)) {
            self::card($app);
        }
    }

    private static function card(Application $app): void
    {
        $add = static fn ($livewire) => $livewire->component('rustecho.publishes', Card::class);
        $app->resolved('livewire') ? $add($app->make('livewire')) : $app->afterResolving('livewire', $add);
    }
}
