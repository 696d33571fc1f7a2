<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Support\Facades\Artisan;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\About;
use Rustecho\Laravel\BroadcastConnection;
use Rustecho\Laravel\Health\SidecarHealth;
use Rustecho\Laravel\Tests\Support\FakePeer;

/** Commands and health checks look where events go. */
final class ConnectionTest extends SidecarTestCase
{
    protected function setUp(): void
    {
        parent::setUp();
        $this->files->configure('broadcasting', ['default' => 'sockets', 'connections' => [
            'sockets' => ['driver' => 'rustecho', 'socket' => $this->sidecar->path],
            'rustecho' => ['driver' => 'rustecho', 'socket' => '/nowhere/rustecho.sock'],
        ]]);
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->readPublish());
        $this->boot();
    }

    public function testHealthAndAboutLookAtTheConnectionThatEventsTake(): void
    {
        $health = $this->app->make(SidecarHealth::class);

        self::assertSame('ok', $health->check()->status, $health->check()->message);
        self::assertTrue($health->check('rustecho')->isFailed());
        $about = About::rows($this->app);
        self::assertSame(['0.1.0', $this->sidecar->path], [$about['Sidecar'], $about['Socket']]);
    }

    public function testStatusAndTheDoctorLookAtItToo(): void
    {
        $status = Artisan::call('rustecho:status');
        $output = Artisan::output();
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('(looking at the connection sockets)', $output);
        self::assertSame(1, Artisan::call('rustecho:status', ['--connection' => 'rustecho']));
        Artisan::call('rustecho:doctor', ['--sidecar' => 'http://127.0.0.1:1', '--patience' => '1']);
        self::assertStringContainsString('the sidecar 0.1.0 answers', Artisan::output());
    }

    public function testStartMakesTheSocketOfTheConnectionThatEventsTake(): void
    {
        $program = $this->files->folder . '/sidecar';
        file_put_contents($program, "#!/bin/sh\n");
        chmod($program, 0755);
        $this->files->write('artisan', '<?php require ' . var_export(dirname(__DIR__) . '/bootstrap.php', true) . ';'
            . 'define("LARAVEL_START", 0); $app = require __DIR__ . "/bootstrap/app.php";'
            . '$app->make(Illuminate\Contracts\Console\Kernel::class)->call("rustecho:start", ["--binary" => $argv[1]]);');
        $this->files->writeBootstrap();
        exec(PHP_BINARY . " {$this->files->folder}/artisan $program 2>&1", $output);

        $config = json_decode((string) file_get_contents("{$this->files->folder}/storage/framework/rustecho.json"), true);
        self::assertSame($this->sidecar->path, $config['unixSocket']['path'], implode("\n", $output));
    }

    /**
     * @dataProvider defaults
     * @param mixed $default
     */
    #[DataProvider('defaults')]
    public function testWhereEventsGoElsewhereThePackagesOwnIsMeant($default): void
    {
        $this->app['config']->set('broadcasting.connections.log', ['driver' => 'log']);
        $this->app['config']->set('broadcasting.default', $default);

        self::assertSame('rustecho', BroadcastConnection::of($this->app['config'])->name);
    }

    /** @return array<array{mixed}> */
    public static function defaults(): array
    {
        return [['log'], [null], ['not-there']];
    }
}
