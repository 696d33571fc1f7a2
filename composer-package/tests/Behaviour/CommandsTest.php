<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use Illuminate\Filesystem\Filesystem;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\RealApp;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\Scratch;

/** rustecho:install and rustecho:start in an application of their own. */
final class CommandsTest extends BehaviourTestCase
{
    private const PLACES = ['config/rustecho.php', '.env', 'rustecho.supervisor.conf', 'supervisor.conf', 'rustecho.json'];

    private string $channels;

    protected function setUp(): void
    {
        $this->channels = (string) file_get_contents(self::$app->folder . '/routes/channels.php');
    }

    protected function tearDown(): void
    {
        $this->put('routes/channels.php', $this->channels);
        (new Filesystem())->delete(array_map(static fn (string $file): string => self::$app->folder . "/$file", self::PLACES));
    }

    public function testInstallSetsEverythingUpAndChangesNothingElse(): void
    {
        $this->put('.env', "APP_NAME=\"My App\"\nBROADCAST_DRIVER=log\n# BROADCAST_CONNECTION=old\n");
        unlink(self::$app->folder . '/routes/channels.php');

        [$status, $output] = $this->install();

        self::assertSame(0, $status, $output);
        $env = "APP_NAME=\"My App\"\nBROADCAST_DRIVER=rustecho\n# BROADCAST_CONNECTION=old\nBROADCAST_CONNECTION=rustecho\n";
        self::assertSame($env, $this->read('.env'));
        self::assertSame((string) file_get_contents(__DIR__ . '/../../config/rustecho.php'), $this->read('config/rustecho.php'));
        self::assertStringContainsString('Broadcast::channel', $this->read('routes/channels.php'));
        self::assertStringContainsString("new Echo({ broadcaster: 'socket.io', client: io", $output);
        self::assertStringContainsString('php artisan rustecho:doctor', $output);
    }

    public function testASecondInstallLeavesEverythingAlone(): void
    {
        $this->put('.env', '');
        $this->install(['--supervisor=supervisor.conf']);
        $this->put('config/rustecho.php', $own = "<?php return ['timeout_ms' => 70];");
        $this->put('supervisor.conf', 'mine');
        $env = $this->read('.env');

        [$status, $output] = $this->install(['--supervisor=supervisor.conf']);

        self::assertSame([0, $env, $own, 'mine'], [
            $status, $this->read('.env'), $this->read('config/rustecho.php'), $this->read('supervisor.conf'),
        ], $output);
        $this->install(['--supervisor=supervisor.conf', '--force']);
        self::assertStringContainsString("'transport'", $this->read('config/rustecho.php'), '--force publishes anew');
        self::assertNotSame('mine', $this->read('supervisor.conf'));
    }

    public function testAnotherBroadcasterIsNotReplacedWithoutAWord(): void
    {
        $this->put('.env', $before = "BROADCAST_CONNECTION=\"reverb\" # live\n");

        [$status, $output] = $this->install();

        self::assertSame([1, $before], [$status, $this->read('.env')]);
        self::assertStringContainsString('BROADCAST_CONNECTION stays "reverb"', $output);
        self::assertSame(0, $this->install(['--force'])[0]);
        self::assertSame("BROADCAST_CONNECTION=rustecho # live\nBROADCAST_DRIVER=rustecho\n", $this->read('.env'));
    }

    public function testWithoutAnEnvFileItSaysWhatToSet(): void
    {
        [$status, $output] = $this->install();

        self::assertSame(0, $status);
        self::assertStringContainsString('set BROADCAST_DRIVER=rustecho and BROADCAST_CONNECTION=rustecho', $output);
        self::assertFileDoesNotExist(self::$app->folder . '/.env');
    }

    public function testTheSupervisorFileRunsTheSidecarFromHere(): void
    {
        [$status, $output] = $this->install(['--supervisor=supervisor.conf']);

        self::assertSame(0, $status, $output);
        $program = parse_ini_string($this->read('supervisor.conf'), true)['program:rustecho'];
        self::assertSame([PHP_BINARY . ' artisan rustecho:start', self::$app->folder, 'TERM'], [
            $program['command'], $program['directory'], $program['stopsignal'],
        ]);
    }

    public function testStartBecomesTheSidecarWithAConfigurationThatFits(): void
    {
        $port = Ports::free();
        $socket = self::$sidecar->folder . '/started.sock';
        $command = [...RealApp::php(), 'artisan', 'rustecho:start', "--port=$port"];
        $running = self::$app->start($command, self::env([
            'RUSTECHO_SOCKET' => $socket, 'RUSTECHO_BIN' => (string) RealSidecar::binary(), 'APP_URL' => self::$site->url,
        ]));
        $running->printed('Server ready!');

        $name = (string) file_get_contents("/proc/{$running->pid()}/comm");
        $browser = Browser::open("http://127.0.0.1:$port", ['Cookie' => self::$site->login(7)]);
        $browser->subscribe('presence-room');
        $members = $browser->waitFor(static fn (array $event): bool => $event[0] === 'presence:subscribed');
        [$status] = self::$app->artisan(['rustecho:status'], self::env(['RUSTECHO_SOCKET' => $socket]));
        $restart = ['rustecho:restart', '--binary=' . RealSidecar::binary()];
        [$restarted, $output] = self::$app->artisan($restart, self::env());
        $exit = $running->wait();
        [$again, $nothing] = self::$app->artisan($restart, self::env());

        self::assertSame('rustecho', trim($name), 'PHP has made room for it');
        self::assertNotNull($members, 'it asks this application about channels');
        self::assertSame([0, 0, 0, 0], [$status, $restarted, $exit, $again], $output . $nothing);
        self::assertStringContainsString('nothing to restart', $nothing);
    }

    public function testStartTakesTheApplicationsOwnConfiguration(): void
    {
        $port = Ports::free();
        $config = json_encode(['host' => '127.0.0.1', 'port' => $port, 'unixSocket' => false]);
        $this->put('rustecho.json', "// as the sidecar allows it\n$config");
        $command = [...RealApp::php(), 'artisan', 'rustecho:start', '--binary=' . RealSidecar::binary()];

        $running = self::$app->start($command, self::env())->printed('Server ready!');
        $next = self::$app->start([...$command, '--force'], self::env())->printed('Server ready!');

        self::assertStringContainsString("port $port", $running->output());
        self::assertSame(0, $running->wait(), 'it has made room');
        $next->end();
    }

    public function testStartLetsTheSidecarListenToRedisWhereEventsGoThereWithoutIt(): void
    {
        $file = 'storage/framework/rustecho.json';
        $start = ['rustecho:start', '--binary=/bin/true'];
        self::assertSame(0, self::$app->artisan($start, self::env())[0]);
        $without = json_decode($this->read($file), true);
        self::assertSame(0, self::$app->artisan($start, self::env(['RUSTECHO_ON_FAILURE' => 'redis']))[0]);
        $with = json_decode($this->read($file), true);

        self::assertSame([false, false], [$without['subscribers']['redis'], isset($without['databaseConfig'])]);
        self::assertTrue($with['subscribers']['redis']);
        $redis = ['host' => '127.0.0.1', 'port' => 6379, 'keyPrefix' => 'laravel_database_'];
        self::assertSame($redis, $with['databaseConfig']['redis']);
    }

    public function testTheConfigurationWithRedisPasswordIsForNobodyElse(): void
    {
        $folder = self::$app->folder . '/storage/framework';
        $this->put('storage/framework/rustecho.json.new', 'of a start that was killed');
        $start = ['rustecho:start', '--binary=/bin/true'];
        $modes = [];
        foreach ([['REDIS_PASSWORD' => 'secret', 'RUSTECHO_ON_FAILURE' => 'redis'], []] as $env) {
            self::assertSame(0, self::$app->artisan($start, self::env($env))[0]);
            clearstatcache();
            $modes[] = fileperms("$folder/rustecho.json") & 0077;
        }
        unlink("$folder/rustecho.json");
        mkdir("$folder/rustecho.json");
        [$status, $output] = self::$app->artisan($start, self::env());
        rmdir("$folder/rustecho.json");
        unlink("$folder/rustecho.json.new");

        self::assertSame([0, 0077 & ~umask() & 0666], $modes);
        self::assertSame(1, $status);
        self::assertStringContainsString('rustecho.json cannot be written', $output);
        self::assertSame([], glob("$folder/rustecho.json*"), 'nothing is left of what could not be put in place');
    }

    public function testThePortOfTheEnvironmentHoldsAndTheDoctorFindsIt(): void
    {
        [$port, $other] = [Ports::free(), Ports::free()];
        $socket = self::$sidecar->folder . '/environment.sock';
        $this->put('.env', "RUSTECHO_PORT=\"$port\" # ours\nRUSTECHO_API_URL=\n");
        // What is empty here is left out, so that .env has it.
        $env = self::env(['RUSTECHO_SOCKET' => $socket, 'RUSTECHO_API_URL' => '', 'APP_URL' => self::$site->url]);
        $command = [...RealApp::php(), 'artisan', 'rustecho:start', "--port=$other", '--binary=' . RealSidecar::binary()];
        $running = self::$app->start($command, $env)->printed('Server ready!');

        [, $found] = self::$app->artisan(['rustecho:doctor', "--url=http://127.0.0.1:$port"], $env);
        $said = $running->output();
        $running->end();

        self::assertStringContainsString("--port=$other has no effect: the port is $port, by the environment", $said);
        self::assertSame($port, json_decode($this->read('storage/framework/rustecho.json'), true)['port']);
        self::assertStringContainsString('an event published here arrives at a subscriber', $found);
    }

    /** @dataProvider ports */
    #[DataProvider('ports')]
    public function testStartSaysWhereThePortIsFromUnlessItIsTheOneAskedFor(string $asked, ?int $port, ?string $by): void
    {
        $this->put('rustecho.json', (string) json_encode($port === null ? ['host' => '127.0.0.1'] : ['port' => $port]));

        [, $output] = self::$app->artisan(['rustecho:start', "--port=$asked", '--binary=/bin/true'], self::env());

        $by = $by === null ? null : strtr($by, ['FILE' => self::$app->folder . '/rustecho.json']);
        $says = "--port=$asked has no effect: the port is $by";
        self::assertSame($by !== null, str_contains($output, "$says.\n"), $output);
        self::assertSame($by !== null, str_contains($output, 'no effect'), $output);
    }

    /** @return array<array{string, ?int, ?string}> */
    public static function ports(): array
    {
        return [
            ['7000', 7001, '7001, by FILE'], ['soon', 7001, '7001, by FILE'],
            ['7000', null, '6001, since FILE does not name one'], ['6001', null, null],
            ['7001', 7001, null], [' 7001', 7001, null], ['+7001', 7001, null],
        ];
    }

    public function testAnEmptyVariableIsALeftOutOne(): void
    {
        mkdir($folder = Scratch::path('bin'));
        file_put_contents("$folder/rustecho", "#!/bin/sh\necho I am $folder/rustecho\n");
        chmod("$folder/rustecho", 0755);
        $this->put('.env', "RUSTECHO_BIN=\n");
        [, $output] = self::$app->artisan(['rustecho:start'], self::env(['PATH' => "$folder:" . getenv('PATH')]));

        self::assertStringContainsString("I am $folder/rustecho", $output);
    }

    public function testStartNamesAProgramThatIsNotThere(): void
    {
        [$status, $output] = self::$app->artisan(['rustecho:start', '--binary=/nowhere/rustecho'], self::env());

        self::assertSame(1, $status);
        self::assertStringContainsString('There is no program "/nowhere/rustecho"', $output);
        self::assertStringContainsString('RUSTECHO_BIN', $output);
    }

    public function testStartNamesAWrongPort(): void
    {
        $arguments = ['rustecho:start', '--port=70000', '--binary=' . RealSidecar::binary()];
        [$status, $output] = self::$app->artisan($arguments, self::env());

        self::assertSame(1, $status);
        self::assertStringContainsString('--port is "70000"', $output);
    }

    /**
     * @param list<string> $arguments
     * @return array{int, string}
     */
    private function install(array $arguments = []): array
    {
        return self::$app->artisan(['rustecho:install', '--no-interaction', ...$arguments]);
    }

    private function put(string $file, string $text): void
    {
        file_put_contents(self::$app->folder . "/$file", $text);
    }

    private function read(string $file): string
    {
        return (string) file_get_contents(self::$app->folder . "/$file");
    }
}
