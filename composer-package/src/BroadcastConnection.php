<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use Illuminate\Contracts\Config\Repository;

/** The connection of config/broadcasting.php that commands and health checks look at. */
final class BroadcastConnection
{
    private function __construct(public readonly string $name, private readonly Repository $config)
    {
    }

    /** @param string|null $name null: the one that events take, else the package's own */
    public static function of(Repository $config, ?string $name = null): self
    {
        $default = $config->get('broadcasting.default');
        $takesEvents = is_string($default) && $config->get("broadcasting.connections.$default.driver") === 'rustecho';

        return new self($name ?? ($takesEvents ? $default : 'rustecho'), $config);
    }

    /** @throws \Rustecho\InvalidOption */
    public function settings(): Settings
    {
        return Settings::from(
            (array) $this->config->get("broadcasting.connections.$this->name", []),
            (array) $this->config->get('rustecho', []),
        );
    }
}
