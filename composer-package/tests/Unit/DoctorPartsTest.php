<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Foundation\Application;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Checks\SidecarCheck;
use Rustecho\Laravel\Doctor\ProbeChannel;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Doctor\WebPhp;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Version;

/** The doctor's tools. */
final class DoctorPartsTest extends TestCase
{
    public function testAProbeIsGrantedForAMinuteToWhoKnowsTheKey(): void
    {
        $probe = new ProbeChannel('secret');
        $name = $probe->name(1_000);

        self::assertTrue($probe->grants($name, 1_000));
        self::assertTrue($probe->grants($name, 1_060));
        self::assertFalse($probe->grants($name, 1_061), 'too late');
        self::assertFalse((new ProbeChannel('other'))->grants($name, 1_000), 'another key');
        self::assertFalse((new ProbeChannel(''))->grants((new ProbeChannel(''))->name(1_000), 1_000), 'no key at all');
        self::assertNotSame($name, $probe->name(1_000), 'no two runs meet');
    }

    /** @dataProvider forgeries */
    #[DataProvider('forgeries')]
    public function testNothingElseIsGranted(string $change): void
    {
        $probe = new ProbeChannel('secret');
        [, $until, $nonce, $signature] = explode('.', $probe->name(1_000));
        $name = strtr($change, ['UNTIL' => $until, 'NONCE' => $nonce, 'SIGNATURE' => $signature]);

        self::assertFalse($probe->grants($name, 1_000));
    }

    /** @return array<array{string}> */
    public static function forgeries(): array
    {
        return [
            ['presence-rustecho-doctor.9999.NONCE.SIGNATURE'], ['presence-rustecho-doctor.UNTIL.x.SIGNATURE'],
            ['presence-rustecho-doctor.UNTIL.NONCE.'], ['presence-rustecho-doctor.UNTIL.NONCE'], ['presence-rustecho-doctor.'],
            ['private-rustecho-doctor.UNTIL.NONCE.SIGNATURE'], ['x.presence-rustecho-doctor.UNTIL.NONCE.SIGNATURE'],
        ];
    }

    public function testAPhpFpmOfAnotherVersionTellsWhatItHas(): void
    {
        $told = ['php' => '8.1.2', 'sapi' => 'fpm-fcgi', 'extension' => null];
        $missing = WebPhp::from($told)?->finding(Version::PACKAGE);

        self::assertTrue($missing?->isProblem());
        self::assertStringContainsString('not in PHP 8.1.2 (fpm-fcgi), which answers', $missing->text);
        self::assertStringContainsString('phpenmod rustecho', $missing->advice);
        self::assertNull(WebPhp::from($told)->finding(null), 'it is missing here, too, which is said elsewhere');
        self::assertFalse(WebPhp::from(['extension' => Version::PACKAGE] + $told)?->finding(null)?->isProblem());
        self::assertNotNull(WebPhp::from((array) json_decode((string) json_encode(WebPhp::ofItself()))));
    }

    public function testAnotherReleaseInTheWebTellsNothing(): void
    {
        $php = ['php' => '8.1', 'sapi' => 'x'];
        foreach ([null, [], 'x', ['php' => 8], $php, $php + ['extension' => 1]] as $told) {
            self::assertNull(WebPhp::from($told));
        }
    }

    public function testAPageHasTheOriginOfItsSite(): void
    {
        foreach (
            [
                'https://x.example/shop' => 'https://x.example', 'https://x.example:8443/' => 'https://x.example:8443',
                'http://[::1]:80/a?b#c' => 'http://[::1]:80', 'https://me:secret@x.example/shop' => 'https://x.example',
                'http://localhost' => 'http://localhost', 'shop' => 'shop', '' => '',
            ] as $url => $origin
        ) {
            self::assertSame($origin, Http::origin($url));
        }
    }

    public function testReleasesFitWithinAMinorVersionBeforeOneAndAMajorAfter(): void
    {
        self::assertTrue(Version::fits('0.1.0', '0.1.9'));
        self::assertTrue(Version::fits('v1.2.0', '1.9.3'));
        self::assertFalse(Version::fits('0.1.0', '0.2.0'));
        self::assertFalse(Version::fits('1.0.0', '2.0.0'));
        self::assertFalse(Version::fits('dev-main', 'dev-main'), 'nothing is known of it');
    }

    public function testThePackagesNumberIsThatOfTheWholeRelease(): void
    {
        $manifest = dirname(__DIR__, 3) . '/Cargo.toml';
        if (! is_file($manifest)) {
            self::assertFileDoesNotExist(dirname($manifest) . '/php-ext', 'this is the package alone');

            return;
        }
        preg_match('/^version = "([^"]+)"/m', (string) file_get_contents($manifest), $version);
        self::assertSame($version[1], Version::PACKAGE);
    }

    /** @dataProvider sidecars */
    #[DataProvider('sidecars')]
    public function testASidecarOfAnotherRelease(string $version, int $oldest, int $newest, bool $fits): void
    {
        $sidecar = (new FakeSidecar())->start(static function (FakePeer $peer) use ($version, $oldest, $newest): void {
            $peer->read();
            $peer->welcome(version: $version, oldest: $oldest, newest: $newest);
            $peer->hang();
        });
        $settings = Settings::from(['socket' => $sidecar->path, 'timeout_ms' => 5_000]);
        $visit = new Visit(new Application(), 'rustecho', $settings, null, 'http://x', 'http://x');

        [$finding] = iterator_to_array((new SidecarCheck())->run($visit), false);
        $sidecar->stop();

        self::assertSame(! $fits, $finding->isProblem(), $finding->text);
        self::assertStringContainsString("$version", $finding->text);
        self::assertStringContainsString($fits ? '' : 'Install the same release', $finding->advice);
    }

    /** @return array<string, array{string, int, int, bool}> */
    public static function sidecars(): array
    {
        return [
            'the same' => ['0.1.3', 1, 1, true], 'speaks more' => ['0.1.3', 1, 4, true],
            'newer' => ['0.7.0', 1, 2, false], 'speaks nothing of ours' => ['0.1.3', 2, 4, false],
        ];
    }
}
