<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use PHPUnit\Framework\Attributes\Group;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\FpmSite;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\RealSite;
use Rustecho\Laravel\Tests\Support\Scratch;

/** The doctor in front of parts of different releases, everything else being in order. */
final class DoctorReleaseTest extends BehaviourTestCase
{
    public function testASidecarOfAnotherRelease(): void
    {
        $socket = self::$sidecar->socket;
        $other = (new FakeSidecar())->start(static function (FakePeer $peer) use ($socket): void {
            $peer->relay($socket, static fn (string $bytes): string => str_replace('0.1.0', '0.9.0', $bytes));
        });
        chmod($other->path, 0666);
        $env = ['RUSTECHO_SOCKET' => $other->path, 'RUSTECHO_SPOOL' => self::$sidecar->folder . '/spool'];
        $php = extension_loaded('rustecho') ? ['-d', 'extension=' . $this->extension()] : [];
        [$status, $output] = $this->doctor($php, $env);
        $other->stop();

        self::assertSame(1, $status, $output);
        self::assertOneProblem('sidecar-release', $output);
        self::assertStringContainsString('the sidecar is 0.9.0', $output);
        self::assertStringContainsString('Install the same release of sidecar, extension and package', $output);
    }

    public function testAnExtensionOfAnotherRelease(): void
    {
        $folder = $this->modules('0.1.0', '0.9.0');
        [$status, $output] = $this->doctor(['-d', "extension=$folder/rustecho.so"]);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('extension-release', $output);
        self::assertStringContainsString('is 0.9.0, the package is 0.1.0', $output);
        self::assertStringContainsString('reload php-fpm', $output);
    }

    public function testAnExtensionForAnotherPhp(): void
    {
        preg_match('/API\d{8},N?TS/', (string) file_get_contents($this->extension()), $build);
        $folder = $this->modules($build[0], substr_replace($build[0], '19990101', 3, 8));
        [$status, $output] = $this->doctor(['-d', "extension_dir=$folder", '-d', 'extension=rustecho']);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('extension-build', $output);
        self::assertStringContainsString("$folder/rustecho.so is built for another PHP", $output);
        self::assertStringContainsString('make install-ext', $output);
    }

    public function testWebRequestsInAPhpWithoutTheExtension(): void
    {
        [$status, $output] = $this->behind([PHP_BINARY]);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('extension-web-missing', $output);
        $web = 'not in PHP ' . PHP_VERSION . " (cli-server), which answers Laravel's auth route [extension-web-missing]";
        self::assertStringContainsString("the extension is loaded here, but $web", $output);
        self::assertStringContainsString('make install-ext', $output);
        self::assertStringContainsString('reload php-fpm', $output);
    }

    public function testWebRequestsInAPhpWithTheExtension(): void
    {
        [$status, $output] = $this->behind([PHP_BINARY, '-d', 'extension=' . $this->extension()]);

        self::assertSame(0, $status, $output);
        $web = 'PHP ' . PHP_VERSION . ' (cli-server)';
        self::assertStringContainsString("is loaded in $web, which answers web requests", $output);
    }

    public function testWebRequestsInAPhpThatHasAnotherRelease(): void
    {
        $folder = $this->modules('0.1.0', '0.9.0');
        [$status, $output] = $this->behind([PHP_BINARY, '-d', "extension=$folder/rustecho.so"]);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('extension-release', $output);
        self::assertStringContainsString('the extension in PHP ' . PHP_VERSION . ' (cli-server) is 0.9.0', $output);
    }

    /** @group nginx */
    #[Group('nginx')]
    public function testWebRequestsInPhpFpmWithAndWithoutTheExtension(): void
    {
        $fpm = static fn (array $options): callable =>
            static fn (int $port): FpmSite => new FpmSite(self::$app, self::env(), $port, $options);

        [$status, $output] = $this->before($fpm([]));
        self::assertSame(1, $status, $output);
        self::assertOneProblem('extension-web-missing', $output);
        $web = 'PHP ' . PHP_VERSION . ' (fpm-fcgi)';
        self::assertStringContainsString("not in $web, which answers Laravel's auth route [extension-web-missing]", $output);

        [$status, $output] = $this->before($fpm(['-d', 'extension=' . $this->extension()]));
        self::assertSame(0, $status, $output);
        self::assertStringContainsString("is loaded in $web, which answers web requests", $output);
    }

    /**
     * The doctor, whose PHP has the extension, while this PHP answers web requests.
     *
     * @param list<string> $php
     * @return array{int, string}
     */
    private function behind(array $php): array
    {
        return $this->before(static fn (int $port): RealSite => new RealSite(self::$app, self::env(), $port, $php));
    }

    /**
     * The doctor, whose PHP has the extension, in front of a site.
     *
     * @param callable(int): (RealSite|FpmSite) $open
     * @return array{int, string}
     */
    private function before(callable $open): array
    {
        $port = Ports::free();
        $sidecar = (new RealSidecar(['authHost' => "http://127.0.0.1:$port"]))->start();
        $site = $open($port);
        $env = ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url];
        $result = $this->doctor(['-d', 'extension=' . $this->extension()], $env);
        $site->stop();
        $sidecar->stop();

        return $result;
    }

    /** @return string a folder like PHP's own, with an extension in which the text, wherever it stands, is another */
    private function modules(string $text, string $other): string
    {
        $folder = Scratch::path('modules');
        mkdir($folder);
        foreach (glob(ini_get('extension_dir') . '/*.so') ?: [] as $module) {
            basename($module) === 'rustecho.so' || symlink($module, "$folder/" . basename($module));
        }
        file_put_contents("$folder/rustecho.so", str_replace($text, $other, (string) file_get_contents($this->extension())));

        return $folder;
    }

    private function extension(): string
    {
        $file = (string) getenv('RUSTECHO_EXTENSION');
        if (! is_file($file)) {
            $message = 'There is no extension: make build-ext, and name it in RUSTECHO_EXTENSION.';
            getenv('CI') === 'true' ? self::fail($message) : self::markTestSkipped($message);
        }

        return $file;
    }

    /**
     * @param list<string> $php
     * @param array<string, string> $env
     * @return array{int, string}
     */
    private function doctor(array $php, array $env = []): array
    {
        $running = self::$app->start(
            [PHP_BINARY, ...$php, 'artisan', 'rustecho:doctor', '--no-ansi', '--config=' . self::$sidecar->config,
                '--url=' . self::$sidecar->url],
            self::env($env + ['APP_URL' => self::$site->url]),
        );

        return [$running->wait(), $running->output()];
    }
}
