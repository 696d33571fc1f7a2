<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

use Rustecho\Laravel\Console\EnvFile;

/** The variables that the sidecar goes by: those of its process, else of the first `.env` that has them. */
final class Environment
{
    /**
     * @param list<string> $folders whose `.env` it reads
     * @param bool $isShared whether its process has the variables of this one
     */
    public function __construct(private readonly array $folders, private readonly bool $isShared = true)
    {
    }

    /** The value of the first of these that has one: empty counts as not set. */
    public function get(string ...$names): ?string
    {
        foreach ($names as $name) {
            $value = (string) $this->value($name);
            if ($value !== '') {
                // The sidecar's own rule: a reference anywhere in the value makes it, whole, the value of that name.
                return preg_match('/\$\{(.*?)\}/', $value, $other) === 1 ? (string) $this->value($other[1]) : $value;
            }
        }

        return null;
    }

    private function value(string $name): ?string
    {
        $value = $this->isShared && $name !== '' ? getenv($name) : false;
        foreach ($value === false ? $this->folders : [] as $folder) {
            $value = EnvFile::at("$folder/.env")?->get($name) ?? false;
            if ($value !== false) {
                break;
            }
        }

        return $value === false ? null : $value;
    }
}
