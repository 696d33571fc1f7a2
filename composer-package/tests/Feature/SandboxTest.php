<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Container\Container;
use Illuminate\Contracts\Broadcasting\Factory;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Facade;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Tests\Support\OrderShipped;

/** Each request in a clone of the application that has booted, as Octane does it. */
final class SandboxTest extends PublishingTestCase
{
    private const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';


    protected static function settings(): array
    {
        return ['ack' => 'deferred'];
    }

    protected static function refusal(array $publish): ?array
    {
        return str_contains($publish['data'], 'bad') ? [6, 'no good'] : null;
    }

    /** @dataProvider beginnings */
    #[DataProvider('beginnings')]
    public function testWhatAnEventOfARequestNeedsIsThatRequests(bool $warm): void
    {
        if ($warm) {
            $this->app->make(Factory::class)->connection();
        }
        $reported = [];
        foreach (['x' => self::TRACE, 'bad' => null, 'y' => null, 'bad too' => self::TRACE] as $title => $trace) {
            $before = strlen($this->files->log());
            $this->request($trace, static fn () => broadcast(new OrderShipped(1, $title)));
            $lines = substr($this->files->log(), $before);
            $reported[$title] = preg_match_all('/ERROR: rustecho could not broadcast/', $lines);
        }

        self::assertSame(['x' => 0, 'bad' => 1, 'y' => 0, 'bad too' => 1], $reported, 'in the log when each request ends');
        $traces = array_column($this->sidecar->received('publish', 4), 'trace');
        self::assertSame([self::TRACE, '', '', self::TRACE], $traces);
    }

    /** @return array<string, array{bool}> */
    public static function beginnings(): array
    {
        return ['before anything was broadcast' => [false], 'with a broadcaster of the application' => [true]];
    }

    public function testABroadcasterOutlivesTheRequestItWasMadeFor(): void
    {
        $made = null;
        $this->request(null, function () use (&$made): void {
            $made = Container::getInstance()->make(Factory::class)->connection();
        });
        $this->request(null, static fn () => $made->broadcast(['c'], 'later', []));

        self::assertSame(['later'], array_column($this->sidecar->received('publish', 1), 'event'));
    }

    private function request(?string $trace, callable $handle): void
    {
        $clone = clone $this->app;
        $this->enter($clone);
        $clone->instance('app', $clone);
        $clone->instance(Container::class, $clone);
        if ($clone->resolved(BroadcastManager::class)) {
            $clone->make(BroadcastManager::class)->setApplication($clone);
        }
        $server = array_filter(['HTTP_TRACEPARENT' => $trace]);
        $clone->instance('request', Request::create('/', 'GET', [], [], [], $server));
        $handle();
        $clone->terminate();
        $clone->flush();
        $this->enter($this->app);
    }

    private function enter(Application $app): void
    {
        Container::setInstance($app);
        Facade::clearResolvedInstances();
        Facade::setFacadeApplication($app);
    }
}
