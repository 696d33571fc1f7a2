<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Filesystem\Filesystem;
use PHPUnit\Framework\TestCase;

/** What holds for every file of the package. */
final class SourcesTest extends TestCase
{
    private const ROOT = __DIR__ . '/../..';

    public function testClassesAreFinalAndTypesAreStrict(): void
    {
        $files = (new Filesystem())->allFiles(self::ROOT . '/src');
        self::assertNotEmpty($files);
        foreach ($files as $file) {
            $text = (string) file_get_contents($file->getPathname());
            $name = $file->getRelativePathname();

            self::assertStringContainsString("\ndeclare(strict_types=1);\n", $text, $name);
            // Read, not loaded: some extend classes of packages that need not be there.
            $final = '~\*/\n(#\[.+\]\n)*(final class|interface|trait) ~';
            self::assertMatchesRegularExpression($final, $text, "$name is final and says what it is for");
        }
    }

    public function testVersionsOfTheFrameworkAreToldApartInOnePlace(): void
    {
        foreach ((new Filesystem())->allFiles(self::ROOT . '/src') as $file) {
            $text = (string) file_get_contents($file->getPathname());
            // What the user's own classes have, and other packages, does not depend on the framework's version.
            $others = '\$user|\$this->name|\$job->event|\$event|\$notification|\$object|'
                . 'self::|RustechoFake::|Span::|InstalledVersions::';
            $asks = preg_match("/(class|interface|method)_exists\((?!$others)/", $text) === 1;

            self::assertSame($file->getFilename() === 'Framework.php', $asks, $file->getRelativePathname());
        }
    }

    public function testTheReadmeNamesEverySettingAndCommand(): void
    {
        $readme = (string) file_get_contents(self::ROOT . '/README.md');
        $config = (string) file_get_contents(self::ROOT . '/config/rustecho.php');
        preg_match_all("/env\('(RUSTECHO_\w+)'/", $config, $keys);
        preg_match_all('/signature = \'(rustecho:\w+)/', implode(array_map(
            static fn ($file): string => (string) file_get_contents($file->getPathname()),
            (new Filesystem())->files(self::ROOT . '/src/Console'),
        )), $commands);

        self::assertGreaterThan(10, count($keys[1]));
        self::assertCount(5, $commands[1]);
        foreach ([...$keys[1], ...$commands[1]] as $name) {
            self::assertStringContainsString("`$name`", $readme);
        }
    }
}
