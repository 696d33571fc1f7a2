<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\TestApp;
use Rustecho\Laravel\Tests\Support\TestProvider;

/** A sidecar that a test starts with what it answers, and the files of an application that a test boots with its settings. */
abstract class SidecarTestCase extends TestCase
{
    protected TestApp $files;
    protected FakeSidecar $sidecar;
    protected Application $app;

    protected function setUp(): void
    {
        $this->sidecar = new FakeSidecar();
        $this->files = new TestApp();
    }

    protected function tearDown(): void
    {
        $this->sidecar->stop();
        $this->files->remove();
    }

    /**
     * @param array<string, mixed> $settings
     * @param list<class-string> $providers of the application itself
     */
    protected function boot(array $settings = [], array $providers = [TestProvider::class]): void
    {
        $base = ['socket' => $this->sidecar->path, 'timeout_ms' => 2_000, 'breaker_ms' => 0];
        $this->files->configure('rustecho', $settings + $base);
        $this->app = $this->files->boot($providers);
    }

    /** @return \ArrayObject<int, \Throwable> what is reported from now on */
    protected function reported(): \ArrayObject
    {
        $reported = new \ArrayObject();
        $handler = $this->app->make(ExceptionHandler::class);
        $handler->reportable(static function (\Throwable $error) use ($reported): bool {
            $reported->append($error);

            return false;
        });

        return $reported;
    }
}
