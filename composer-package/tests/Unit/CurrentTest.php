<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Container\Container;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Current;

final class CurrentTest extends TestCase
{
    private Container $app;
    private ?Container $before = null;
    private Current $request;

    protected function setUp(): void
    {
        $this->before = Container::getInstance();
        Container::setInstance($this->app = new Container());
        $this->request = new Current('request');
    }

    protected function tearDown(): void
    {
        Container::setInstance($this->before);
    }

    public function testWhatIsBoundLaterAndAnewIsSeen(): void
    {
        self::assertNull($this->request->get());
        foreach ([new \stdClass(), new \stdClass()] as $bound) {
            $this->app->instance('request', $bound);
            self::assertSame($bound, $this->request->get());
            self::assertSame($bound, $this->request->get());
        }
    }

    public function testTheContainerIsAskedOnce(): void
    {
        $made = 0;
        $this->app->singleton('request', static function () use (&$made): object {
            $made++;

            return new \stdClass();
        });
        $first = $this->request->get();

        self::assertSame([$first, 1], [$this->request->get(), $made]);
    }

    /** As Octane does it: each request in a clone of the application that has booted. */
    public function testEachCloneHasItsOwn(): void
    {
        $this->app->instance('request', $base = new \stdClass());
        self::assertSame($base, $this->request->get());
        for ($number = 1; $number <= 3; $number++) {
            Container::setInstance($clone = clone $this->app);
            self::assertSame($base, $this->request->get(), 'what it was born with');
            $clone->instance('request', $own = new \stdClass());
            self::assertSame($own, $this->request->get());
            Container::setInstance($this->app);
            self::assertSame($base, $this->request->get());
            $gone = \WeakReference::create($clone);
            $request = \WeakReference::create($own);
            unset($clone, $own);
            self::assertSame([null, null], [$gone->get(), $request->get()], 'nothing is kept alive');
        }
        $callbacks = (fn (): int => count($this->reboundCallbacks['request']))->call($this->app);
        self::assertSame(1, $callbacks, 'the application does not grow');
    }
}
