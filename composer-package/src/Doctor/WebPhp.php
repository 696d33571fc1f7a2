<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use Rustecho\Laravel\Version;

/**
 * The PHP that answers web requests, which need not be that of the command line: of another version, or with other ini files.
 *
 * Only it knows what it has loaded, so it tells whoever has a channel of the doctor's.
 */
final class WebPhp
{
    private function __construct(
        private readonly string $version,
        private readonly string $sapi,
        private readonly ?string $extension,
        public readonly ?string $user,
    ) {
    }

    /** @return array{php: string, sapi: string, extension: string|null, user: string|null} what this PHP tells the doctor */
    public static function ofItself(): array
    {
        $user = function_exists('posix_geteuid') ? posix_getpwuid(posix_geteuid()) : false;

        return [
            'php' => PHP_VERSION, 'sapi' => PHP_SAPI, 'extension' => phpversion('rustecho') ?: null,
            'user' => $user['name'] ?? null,
        ];
    }

    /** @param mixed $told as above; null when it is of another form: another release of the package answers there */
    public static function from(mixed $told): ?self
    {
        [$php, $sapi] = is_array($told) ? [$told['php'] ?? null, $told['sapi'] ?? null] : [null, null];
        if (! is_string($php) || ! is_string($sapi) || ! array_key_exists('extension', $told)) {
            return null;
        }
        [$extension, $user] = [$told['extension'], $told['user'] ?? null];

        return $extension === null || is_string($extension)
            ? new self($php, $sapi, $extension, is_string($user) ? $user : null)
            : null;
    }

    /** @param string|null $here the extension that is loaded in the doctor's PHP */
    public function finding(?string $here): ?Finding
    {
        $php = "PHP $this->version ($this->sapi)";
        if ($this->extension === null) {
            // Where there is none here either, that has been said.
            return $here !== null && Version::fits($here, Version::PACKAGE)
                ? Finding::problem('extension-web-missing', ['web' => $php])
                : null;
        }

        return Version::fits($this->extension, Version::PACKAGE)
            ? Finding::good("the extension $this->extension is loaded in $php, which answers web requests")
            : Finding::problem(
                'extension-release',
                ['php' => $php, 'extension' => $this->extension, 'package' => Version::PACKAGE],
            );
    }
}
