<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use Illuminate\Contracts\Foundation\Application;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Sidecar\ConfigFile;

/** What the checks of one run look at. */
final class Visit
{
    /**
     * @param string $connection name in config/broadcasting.php
     * @param string $sidecarUrl where the sidecar answers on this machine
     * @param string $publicUrl where pages reach it
     * @param array<string, string> $headers of the visitor as whom channels are asked for
     * @param string|null $granted a channel that this visitor may have; null: one of the doctor's own
     * @param string|null $denied a channel that this visitor may not have; null as above
     * @param string|null $user who runs PHP for the web; null: whoever runs the doctor
     */
    public function __construct(
        public readonly Application $app,
        public readonly string $connection,
        public readonly Settings $settings,
        public readonly ?ConfigFile $sidecarConfig,
        public readonly string $sidecarUrl,
        public readonly string $publicUrl,
        public readonly array $headers = [],
        public readonly ?string $granted = null,
        public readonly ?string $denied = null,
        public ?string $user = null,
    ) {
    }

    public function config(string $key, mixed $default = null): mixed
    {
        return $this->app->make('config')->get($key, $default);
    }

    public function defaultDriver(): ?string
    {
        $default = $this->config('broadcasting.default');

        return is_string($default) ? $this->config("broadcasting.connections.$default.driver") : null;
    }
}
