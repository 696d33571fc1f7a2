<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use Illuminate\Contracts\Foundation\Application;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Sidecar\ConfigFile;

/** What the checks of one run look at. */
final class Visit
{
    /** Whether a check has found why the sidecar cannot be had. */
    private bool $away = false;

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

    /** From now on that the sidecar cannot be had follows from a problem that was found. */
    public function sidecarIsAway(): void
    {
        $this->away = true;
    }

    /**
     * That the sidecar cannot be had: a problem once, and a note where it follows from one.
     *
     * @param array<string, string|int> $values
     */
    public function absence(string $id, array $values): Finding
    {
        return $this->away ? Finding::note($id, $values) : Finding::problem($id, $values);
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
