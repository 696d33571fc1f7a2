<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Filesystem\Filesystem;
use Illuminate\Foundation\Application;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Checks\ExtensionCheck;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Settings;

/** What the doctor says of the extension. */
final class ExtensionCheckTest extends TestCase
{
    private string $folder;

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir() . '/rustecho-ini-' . getmypid() . '-' . bin2hex(random_bytes(4));
        foreach (['cli', 'fpm'] as $sapi) {
            mkdir("$this->folder/$sapi/conf.d", 0777, true);
        }
    }

    protected function tearDown(): void
    {
        (new Filesystem())->deleteDirectory($this->folder);
    }

    public function testLoadedAndOfThisRelease(): void
    {
        $this->enable('cli');
        $this->enable('fpm');

        [$finding] = $this->findings('0.1.7');

        self::assertSame([Finding::GOOD, ''], [$finding->level, $finding->advice]);
    }

    public function testOfAnotherRelease(): void
    {
        [$finding] = $this->findings('0.9.0');

        self::assertSame([Finding::PROBLEM, 'extension-release'], [$finding->level, $finding->id]);
        self::assertStringContainsString('is 0.9.0, the package is 0.1.0', $finding->text);
        self::assertStringContainsString('reload php-fpm', $finding->advice);
    }

    public function testInstalledButNotEnabled(): void
    {
        touch("$this->folder/rustecho.so");

        [$finding] = $this->findings(null);

        self::assertSame([Finding::NOTE, 'extension-disabled'], [$finding->level, $finding->id]);
        self::assertStringContainsString("$this->folder/rustecho.so is there, but not loaded", $finding->text);
        self::assertStringContainsString('Enable it (phpenmod rustecho)', $finding->advice);
    }

    public function testNotInstalled(): void
    {
        [$finding] = $this->findings(null);

        self::assertSame([Finding::NOTE, 'extension-not-loaded'], [$finding->level, $finding->id]);
    }

    public function testNotInstalledThoughItIsAskedFor(): void
    {
        [$finding] = $this->findings(null, 'extension');

        self::assertSame([Finding::PROBLEM, 'extension-required'], [$finding->level, $finding->id]);
        self::assertStringContainsString('make install-ext', $finding->advice);
    }

    public function testBuiltForAnotherPhp(): void
    {
        file_put_contents("$this->folder/rustecho.so", "\x7fELF\0\0API19990101,TS\0\0");

        [$finding] = $this->findings(null);

        self::assertSame([Finding::PROBLEM, 'extension-build'], [$finding->level, $finding->id]);
        self::assertStringContainsString('is built for another PHP (API19990101,TS)', $finding->text);
        self::assertStringContainsString('which is ' . ExtensionCheck::build(), $finding->text);
        self::assertMatchesRegularExpression('/^API\d{8},N?TS$/', ExtensionCheck::build());
        self::assertStringContainsString('make install-ext', $finding->advice);
    }

    public function testBuiltForThisPhpAndNotEnabled(): void
    {
        file_put_contents("$this->folder/rustecho.so", "\x7fELF\0\0" . ExtensionCheck::build() . "\0\0");

        self::assertSame(Finding::NOTE, $this->findings(null)[0]->level);
    }

    public function testEnabledAndNotLoaded(): void
    {
        $this->enable('cli');
        $this->enable('fpm');

        [$finding] = $this->findings(null);

        self::assertSame([Finding::PROBLEM, 'extension-enabled-without-file'], [$finding->level, $finding->id]);
        self::assertStringContainsString("is enabled in $this->folder/cli/conf.d, but not loaded", $finding->text);
        self::assertStringContainsString('make install-ext', $finding->advice);
        touch("$this->folder/rustecho.so");
        [$finding] = $this->findings(null);
        self::assertSame('extension-unloadable', $finding->id);
        self::assertStringContainsString('`php -v` says why', $finding->advice);
    }

    public function testEnabledOnTheCommandLineOnly(): void
    {
        $this->enable('cli');

        $findings = $this->findings('0.1.0');

        self::assertSame([Finding::GOOD, Finding::PROBLEM], array_column($findings, 'level'));
        self::assertSame('extension-cli-only', $findings[1]->id);
        self::assertStringContainsString('not in php-fpm', $findings[1]->text);
        self::assertStringContainsString('phpenmod rustecho', $findings[1]->advice);
    }

    private function enable(string $sapi): void
    {
        touch("$this->folder/$sapi/conf.d/20-rustecho.ini");
    }

    /** @return list<Finding> */
    private function findings(?string $loaded, string $transport = 'auto'): array
    {
        $settings = Settings::from(['transport' => $transport]);
        $visit = new Visit(new Application($this->folder), 'rustecho', $settings, null, 'http://x', 'http://x');
        $check = new ExtensionCheck($loaded, $this->folder, "$this->folder/cli/conf.d");

        return iterator_to_array($check->run($visit), false);
    }
}
