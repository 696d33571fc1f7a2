<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\Facades\Artisan;
use PHPUnit\Framework\TestCase;
use ReflectionProperty;
use Rustecho\Laravel\RustechoBroadcaster;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\TestApp;

final class ProviderTest extends TestCase
{
    private TestApp $files;

    protected function setUp(): void
    {
        $this->files = new TestApp();
    }

    protected function tearDown(): void
    {
        $this->files->remove();
    }

    public function testTheConnectionIsThereWithoutEditingAFile(): void
    {
        $app = $this->files->boot();

        self::assertSame(['driver' => 'rustecho'], $app['config']['broadcasting.connections.rustecho']);
        self::assertInstanceOf(RustechoBroadcaster::class, $app->make(BroadcastManager::class)->connection());
        self::assertSame('auto', $app['config']['rustecho.transport']);
    }

    public function testAConnectionOfTheApplicationIsLeftAsItIs(): void
    {
        $own = ['driver' => 'rustecho', 'socket' => '/srv/x.sock'];
        $this->files->configure('broadcasting', ['default' => 'rustecho', 'connections' => ['rustecho' => $own]]);

        self::assertSame($own, $this->files->boot()['config']['broadcasting.connections.rustecho']);
    }

    public function testTheApplicationsFileWinsKeyByKey(): void
    {
        $this->files->configure('rustecho', ['timeout_ms' => 80, 'auth' => ['middleware' => ['auth:api']]]);

        $config = $this->files->boot()['config']['rustecho'];
        self::assertSame([80, ['auth:api']], [$config['timeout_ms'], $config['auth']['middleware']]);
        self::assertTrue($config['auth']['enabled']);
    }

    public function testAConfigCacheMadeWithThePackageHasTheConnection(): void
    {
        $this->files->boot();
        $this->files->writeBootstrap();
        self::assertSame(0, Artisan::call('config:cache'), Artisan::output());

        $cached = require $this->files->folder . '/bootstrap/cache/config.php';
        self::assertSame(['driver' => 'rustecho'], $cached['broadcasting']['connections']['rustecho']);
        self::assertSame('web', $cached['rustecho']['auth']['middleware']);
        $app = $this->files->boot();
        self::assertTrue($app->configurationIsCached());
        self::assertInstanceOf(RustechoBroadcaster::class, $app->make(BroadcastManager::class)->connection());
    }

    public function testAConfigCacheMadeBeforeThePackageCameIsCompleted(): void
    {
        $app = $this->files->boot();
        $config = $app['config']->all();
        unset($config['rustecho'], $config['broadcasting']['connections']['rustecho']);
        $this->files->write('bootstrap/cache/config.php', '<?php return ' . var_export($config, true) . ';');

        $app = $this->files->boot();

        self::assertTrue($app->configurationIsCached());
        self::assertInstanceOf(RustechoBroadcaster::class, $app->make(BroadcastManager::class)->connection());
    }

    /** Laravel 13 calls the creator with another $this, which dies on a static closure. */
    public function testTheDriversClosureCanBeBoundToAnotherObject(): void
    {
        $app = $this->files->boot();
        $creators = new ReflectionProperty(BroadcastManager::class, 'customCreators');
        $manager = $app->make(BroadcastManager::class);
        $creators->setAccessible(true);

        $bound = $creators->getValue($manager)['rustecho']->bindTo($manager, $manager);

        self::assertInstanceOf(RustechoBroadcaster::class, $bound($app, ['driver' => 'rustecho']));
    }

    public function testStatusSaysWhichRoadAndThatTheSidecarAnswers(): void
    {
        $sidecar = (new FakeSidecar())->start(static fn (FakePeer $peer) => $peer->readPublish());
        $this->files->configure('rustecho', ['transport' => 'php', 'socket' => $sidecar->path]);
        $this->files->boot();

        $code = Artisan::call('rustecho:status');
        $sidecar->stop();
        $stopped = Artisan::call('rustecho:status');
        $complaint = Artisan::output();

        self::assertSame([0, 1], [$code, $stopped]);
        self::assertStringContainsString("no connection to the sidecar at $sidecar->path", $complaint);
    }

    public function testStatusShowsWhatItFound(): void
    {
        $sidecar = (new FakeSidecar())->start(static fn (FakePeer $peer) => $peer->readPublish());
        $this->files->configure('rustecho', ['transport' => 'php', 'socket' => $sidecar->path]);
        $this->files->boot();

        Artisan::call('rustecho:status');
        $output = Artisan::output();
        $sidecar->stop();

        self::assertStringContainsString('transport: php, which is the pure-PHP client', $output);
        self::assertStringContainsString("socket:    $sidecar->path", $output);
        $answer = '/sidecar: +0\.1\.0 answered in \d+ µs, protocol 1 to 1, events up to 10485760/';
        self::assertMatchesRegularExpression($answer, $output);
    }

    public function testStatusNamesAWrongSetting(): void
    {
        $this->files->configure('rustecho', ['timeout_ms' => 'soon']);
        $this->files->boot();

        self::assertSame(1, Artisan::call('rustecho:status'));
        self::assertStringContainsString('"timeout_ms" is \'soon\'', Artisan::output());
    }
}
