<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\RealApp;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\RealSite;

/** Everything real: application, web server, sidecar, and a client on the sidecar's port. */
abstract class BehaviourTestCase extends TestCase
{
    protected static RealApp $app;
    protected static RealSidecar $sidecar;
    protected static RealSite $site;

    public static function setUpBeforeClass(): void
    {
        if (RealSidecar::binary() === null) {
            $message = 'There is no sidecar: make build, or name it in RUSTECHO_BINARY.';
            getenv('CI') === 'true' ? self::fail($message) : self::markTestSkipped($message);
        }
        self::$app = RealApp::shared();
        $port = Ports::free();
        self::$sidecar = (new RealSidecar(['authHost' => "http://127.0.0.1:$port"]))->start();
        self::$site = new RealSite(self::$app, self::env(), $port);
    }

    public static function tearDownAfterClass(): void
    {
        self::$site->stop();
        self::$sidecar->stop();
    }

    /**
     * What a user of rustecho has in .env.
     *
     * @param array<string, string> $more
     * @return array<string, string>
     */
    protected static function env(array $more = []): array
    {
        return $more + [
            'BROADCAST_DRIVER' => 'rustecho', 'BROADCAST_CONNECTION' => 'rustecho',
            'RUSTECHO_SOCKET' => self::$sidecar->socket, 'RUSTECHO_TIMEOUT_MS' => '5000', 'RUSTECHO_TRANSPORT' => 'auto',
            'RUSTECHO_API_URL' => self::$sidecar->url,
        ];
    }

    /**
     * A visitor whose subscriptions are in place.
     *
     * @param array<string, string> $auth headers that Echo sends along
     */
    protected function visitor(array $channels, ?string $cookie = null, array $auth = []): Browser
    {
        $browser = Browser::open(self::$sidecar->url, $cookie === null ? [] : ['Cookie' => $cookie], 20.0);
        foreach ($channels as $channel) {
            $browser->subscribe($channel, $auth);
        }
        foreach ($channels as $channel) {
            self::$sidecar->hasSubscribers($channel);
        }

        return $browser;
    }

    /** The data of the next event of this name on this channel. */
    protected function hears(Browser $browser, string $event, string $channel): mixed
    {
        $got = $browser->waitFor(static fn (array $got): bool => $got[0] === $event && $got[1] === $channel, 20.0);
        self::assertNotNull($got, "$event has not come on $channel");

        return $got[2] ?? null;
    }

    /** The doctor has found this illness, and calls nothing else one. */
    protected static function assertOneProblem(string $id, string $output): void
    {
        preg_match_all('/^PROBLEM .*\[([\w-]+)\]$/m', $output, $found);
        self::assertSame([$id], $found[1], $output);
        self::assertStringContainsString('Problems: 1.', $output);
    }

    protected static function laravel(): int
    {
        return (int) \Illuminate\Foundation\Application::VERSION;
    }
}
