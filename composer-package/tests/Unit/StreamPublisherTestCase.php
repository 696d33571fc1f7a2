<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\TestCase;
use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\MemoryLog;

/** A sidecar that a test writes itself, and the client that comes to it. */
abstract class StreamPublisherTestCase extends TestCase
{
    protected FakeSidecar $sidecar;

    protected function setUp(): void
    {
        $this->sidecar = new FakeSidecar();
    }

    protected function tearDown(): void
    {
        $this->sidecar->stop();
    }

    /** @return \Closure(FakePeer): void accepts everything */
    protected static function answering(): \Closure
    {
        return static function (FakePeer $peer): void {
            while (($publish = $peer->readPublish()) !== null) {
                $peer->receipt($publish, 42);
            }
        };
    }

    /** @param array<string, mixed> $settings */
    protected function publisher(array $settings = [], ?MemoryLog $log = null): StreamPublisher
    {
        $all = $settings + [
            'socket' => $this->sidecar->path, 'timeout_ms' => 2_000, 'on_failure' => 'throw', 'breaker_ms' => 0,
        ];

        return new StreamPublisher(Settings::from($all), $log ?? new NullLogger());
    }

    /** @param class-string<Exception> $class */
    protected function failure(string $class, callable $call): Exception
    {
        try {
            $call();
        } catch (Exception $error) {
            self::assertInstanceOf($class, $error, $error->getMessage());

            return $error;
        }
        self::fail("No $class was thrown.");
    }
}
