<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Container\Container;
use WeakMap;
use WeakReference;

/**
 * What the container of the moment has under a name, remembered: to ask it takes longer than the rest of the driver.
 *
 * A long-running server clones the application for each request, and Event::fake() puts another dispatcher in its place. So it is
 * remembered for one container, until that binds the name anew, and nothing is kept alive by it.
 */
final class Current
{
    /** @var WeakMap<Container, WeakReference<object>|false> false: nothing is bound, or it is gone */
    private WeakMap $known;

    public function __construct(private readonly string $name)
    {
        $this->known = new WeakMap();
    }

    public function get(): ?object
    {
        $app = Container::getInstance();

        return (($this->known[$app] ?? false) ?: null)?->get() ?? $this->look($app);
    }

    private function look(Container $app): ?object
    {
        if (! isset($this->known[$app])) {
            $this->known[$app] = false;
            // Not $app of outside: a clone has this callback too, and its own word for what is bound.
            $app->rebinding($this->name, function (Container $app, object $bound): void {
                $this->known[$app] = WeakReference::create($bound);
            });
        }
        if (! $app->bound($this->name)) {
            return null;
        }
        $bound = $app->make($this->name);
        $this->known[$app] = WeakReference::create($bound);

        return $bound;
    }
}
