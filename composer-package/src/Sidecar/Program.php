<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

use Rustecho\InvalidOption;
use Symfony\Component\Process\ExecutableFinder;

/** The sidecar's executable file. */
final class Program
{
    /** @throws InvalidOption when there is none of this name */
    public static function find(string $name): string
    {
        $path = str_contains($name, '/') ? realpath($name) : (new ExecutableFinder())->find($name, '');
        if (! is_string($path) || $path === '' || ! is_file($path) || ! is_executable($path)) {
            throw new InvalidOption(
                "There is no program \"$name\" for the sidecar. Install it (make build, then target/release/rustecho to "
                . '/usr/local/bin), or name it: --binary=/path/to/rustecho, or RUSTECHO_BIN in .env.',
            );
        }

        return $path;
    }
}
