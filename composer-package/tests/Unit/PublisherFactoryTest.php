<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\TestCase;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Publishers\ExtensionPublisher;
use Rustecho\Laravel\Publishers\FallbackNotice;
use Rustecho\Laravel\Publishers\NullPublisher;
use Rustecho\Laravel\Publishers\PublisherFactory;
use Rustecho\Laravel\Publishers\Seldom;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\MemoryLog;

/** Passes with the extension and without it; what differs is asked for. */
final class PublisherFactoryTest extends TestCase
{
    private MemoryLog $log;
    private string $file;

    protected function setUp(): void
    {
        Seldom::forget();
        $this->log = new MemoryLog();
        $this->file = sys_get_temp_dir() . '/rustecho-notice-' . getmypid();
        @unlink($this->file);
    }

    protected function tearDown(): void
    {
        @unlink($this->file);
    }

    public function testEachTransportHasItsPublisher(): void
    {
        $auto = extension_loaded('rustecho') ? ExtensionPublisher::class : StreamPublisher::class;

        self::assertInstanceOf(StreamPublisher::class, $this->make('php'));
        self::assertInstanceOf(NullPublisher::class, $this->make('null'));
        self::assertInstanceOf($auto, $this->make('auto'));
    }

    public function testAnUnknownTransportThrows(): void
    {
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('"transport" is "redis", but has to be "auto", "extension", "php" or "null"');

        $this->make('redis');
    }

    public function testTheExtensionWhereItIsNotLoadedThrows(): void
    {
        if (extension_loaded('rustecho')) {
            self::assertInstanceOf(ExtensionPublisher::class, $this->make('extension'));

            return;
        }
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('but in cli the extension is not loaded');

        $this->make('extension');
    }

    public function testTheNullPublisherTakesEverything(): void
    {
        self::assertFalse($this->make('null')->publish([], '', "\xFF", null)->accepted);
    }

    public function testTheFallbackIsLoggedOncePerProcess(): void
    {
        $this->make('auto');
        $this->make('auto');
        $this->make('php'); // asked for: nothing to say

        $expected = extension_loaded('rustecho') ? 0 : 1;
        self::assertCount($expected, $this->log->lines);
        $line = '/the extension is not loaded; using the pure-PHP client/';
        self::assertSame($expected, preg_match($line, implode($this->log->lines)));
    }

    public function testALogThatCannotBeWrittenFailsNoEvent(): void
    {
        $log = new class extends \Psr\Log\AbstractLogger {
            public function log($level, $message, array $context = []): void
            {
                throw new \UnexpectedValueException('Permission denied');
            }
        };
        $factory = new PublisherFactory($log, $this->file, extension: '0.9.0');

        self::assertInstanceOf(StreamPublisher::class, $factory->make(Settings::from([])));
    }

    public function testUnderFpmTheNoticeComesOnceADay(): void
    {
        $requests = 0;
        foreach ([false, false, true, false] as $aDayLater) {
            Seldom::forget(); // as a new request does
            if ($aDayLater) {
                touch($this->file, time() - 90_000);
            }
            (new FallbackNotice($this->log, new Seldom($this->file, 'fpm-fcgi')))->give('the extension is not loaded');
            $requests++;
        }

        self::assertSame([4, 2], [$requests, count($this->log->lines)]);
    }

    public function testAnExtensionOfAnotherReleaseIsNotUsed(): void
    {
        self::assertInstanceOf(StreamPublisher::class, $this->make('auto', '0.9.0'));
        $line = 'the extension is 0.9.0, the package is 0.1.0, and they do not fit together: install one release of both; '
            . 'using the pure-PHP client';
        self::assertStringContainsString($line, implode($this->log->lines));
        self::assertInstanceOf(ExtensionPublisher::class, $this->make('auto', '0.1.9'));

        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('the extension is 0.9.0, the package is 0.1.0');
        $this->make('extension', '0.9.0');
    }

    private function make(string $transport, ?string $extension = null): \Rustecho\Laravel\Contracts\Publisher
    {
        $factory = new PublisherFactory($this->log, $this->file, extension: $extension);

        return $factory->make(Settings::from(['transport' => $transport]));
    }
}
