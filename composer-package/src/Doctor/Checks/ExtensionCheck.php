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
    private const BUILD = '/API\d{8},[A-Z]+/';

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
                'extension-release',
                ['php' => $php, 'extension' => $this->loaded, 'package' => Version::PACKAGE],
            );
        } else {
            yield Finding::good("the extension $this->loaded is loaded in $php");
        }
        yield from $this->fpm();
    }

    private function missing(string $transport, string $php): Finding
    {
        $file = "$this->folder/rustecho.so";
        $build = $this->builtFor($file);
        $own = self::build();
        if ($build !== null && $build !== $own) {
            return Finding::problem('extension-build', ['file' => $file, 'build' => $build, 'php' => $php, 'own' => $own]);
        }
        if ($this->enabled($this->scanned)) {
            $id = is_file($file) ? 'extension-unloadable' : 'extension-enabled-without-file';

            return Finding::problem($id, ['scanned' => $this->scanned, 'php' => $php, 'file' => $file]);
        }
        if ($transport === 'extension') {
            return Finding::problem('extension-required', ['php' => $php]);
        }

        return Finding::note(is_file($file) ? 'extension-disabled' : 'extension-not-loaded', ['file' => $file, 'php' => $php]);
    }

    /** What PHP compares before it loads a module: `API20220829,NTS`; null where the file is none. */
    private function builtFor(string $file): ?string
    {
        $module = is_file($file) ? (string) @file_get_contents($file) : '';

        return preg_match(self::BUILD, $module, $build) === 1 ? $build[0] : null;
    }

    /** The same of this PHP, which tells it nowhere else. */
    public static function build(): string
    {
        ob_start();
        phpinfo(INFO_GENERAL);
        preg_match('/PHP Extension Build\W.*?(' . trim(self::BUILD, '/') . ')/', (string) ob_get_clean(), $build);

        return $build[1] ?? '';
    }

    private function enabled(string $folder): bool
    {
        return (glob("$folder/*rustecho.ini") ?: []) !== [];
    }

    /** Debian has one folder of ini files for each way PHP runs: cli/conf.d here, fpm/conf.d beside it. */
    private function fpm(): iterable
    {
        $fpm = dirname($this->scanned, 2) . '/fpm/conf.d';
        $here = str_ends_with($this->scanned, '/cli/conf.d') && $this->enabled($this->scanned);
        if ($here && is_dir($fpm) && ! $this->enabled($fpm)) {
            yield Finding::problem('extension-cli-only');
        }
    }
}
