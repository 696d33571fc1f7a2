<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Version;

/** Is the extension loaded, here and in php-fpm, and is it of this release? */
final class ExtensionCheck implements Check
{
    /**
     * @param string|null $loaded version of the loaded extension
     * @param string $folder where PHP looks for extensions
     * @param string $scanned the folder of ini files that this PHP has read
     */
    public function __construct(
        private readonly ?string $loaded,
        private readonly string $folder,
        private readonly string $scanned = PHP_CONFIG_FILE_SCAN_DIR,
    ) {
    }

    public static function ofThisPhp(): self
    {
        return new self(phpversion('rustecho') ?: null, (string) ini_get('extension_dir'));
    }

    public function run(Visit $visit): iterable
    {
        $php = 'PHP ' . PHP_VERSION . ' (' . PHP_SAPI . ')';
        if ($this->loaded === null) {
            yield $this->missing($visit->settings->transport, $php);
        } elseif (! Version::fits($this->loaded, Version::PACKAGE)) {
            yield Finding::problem(
                "the extension in $php is $this->loaded, the package is " . Version::PACKAGE,
                'Install the same release of both (make install-ext, composer update rustecho/laravel), and reload php-fpm.',
            );
        } else {
            yield Finding::good("the extension $this->loaded is loaded in $php");
        }
        yield from $this->fpm();
    }

    private function missing(string $transport, string $php): Finding
    {
        $file = "$this->folder/rustecho.so";
        $how = is_file($file)
            ? "$file is there: enable it (phpenmod rustecho). If it is enabled, `php -v` says why it does not load."
            : 'Build and install it: make install-ext in the folder of rustecho.';

        return $transport === 'extension'
            ? Finding::problem("the extension is not loaded in $php, and the transport is \"extension\"", $how)
            : Finding::note("the extension is not loaded in $php; the pure-PHP client takes its place", $how);
    }

    /** Debian has one folder of ini files for each way PHP runs: cli/conf.d here, fpm/conf.d beside it. */
    private function fpm(): iterable
    {
        $enabled = static fn (string $folder): bool => (glob("$folder/*rustecho.ini") ?: []) !== [];
        $fpm = dirname($this->scanned, 2) . '/fpm/conf.d';
        if (str_ends_with($this->scanned, '/cli/conf.d') && $enabled($this->scanned) && is_dir($fpm) && ! $enabled($fpm)) {
            yield Finding::problem(
                'the extension is enabled on the command line, but not in php-fpm',
                'Run `phpenmod rustecho` (it enables it for both), then reload php-fpm. Until then web requests use pure PHP.',
            );
        }
    }
}
