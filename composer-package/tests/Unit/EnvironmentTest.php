<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Sidecar\Environment;
use Rustecho\Laravel\Tests\Support\Scratch;

/** What the sidecar prefers to its file. */
final class EnvironmentTest extends TestCase
{
    private string $folder;

    protected function setUp(): void
    {
        mkdir($this->folder = Scratch::path('environment'));
        mkdir("$this->folder/beside");
    }

    protected function tearDown(): void
    {
        foreach (['PORT', 'HOST', 'REDIS_PREFIX', 'SPOOL', 'SPOOL_PATH'] as $name) {
            putenv("RUSTECHO_$name");
        }
    }

    public function testTheProcessWinsThenTheFoldersFileThenTheOneBesideThenTheFile(): void
    {
        $config = $this->config(['port' => 7001]);
        self::assertSame([7001, $config->path], [$config->port(), $config->place('port')]);
        file_put_contents("$this->folder/beside/.env", "RUSTECHO_PORT=7002\n");
        self::assertSame(7002, $config->port());
        file_put_contents("$this->folder/.env", "RUSTECHO_PORT=\"7003\" # ours\n");
        self::assertSame([7003, 'http://127.0.0.1:7003'], [$config->port(), $config->url()]);
        putenv('RUSTECHO_PORT=7004');
        self::assertSame([7004, 'the environment (RUSTECHO_PORT)'], [$config->port(), $config->place('port')]);
        self::assertSame(7004, ConfigFile::none($this->folder)->port());
        putenv('RUSTECHO_PORT=');
        self::assertSame(7001, $config->port(), 'empty counts as not set, and .env is not asked');
    }

    public function testOursWinsOverTheOldServersName(): void
    {
        file_put_contents("$this->folder/.env", "LARAVEL_ECHO_SERVER_PORT=7001\nRUSTECHO_PORT=\n");
        self::assertSame([7001, 'the environment (LARAVEL_ECHO_SERVER_PORT)'], [
            $this->config()->port(), $this->config()->place('port'),
        ]);
        file_put_contents("$this->folder/.env", "LARAVEL_ECHO_SERVER_PORT=7001\nRUSTECHO_PORT=7002\n");
        self::assertSame(7002, $this->config()->port());
    }

    public function testAReferenceBecomesTheWholeValue(): void
    {
        file_put_contents("$this->folder/.env", "P=7001\nA=\"x\${P}y\"\nB=\${Q}\n");
        $environment = new Environment([$this->folder]);

        self::assertSame(['7001', '', null], [$environment->get('A'), $environment->get('B'), $environment->get('Q')]);
    }

    public function testTheProcessOfAServiceHasNothingOfThisOne(): void
    {
        putenv('RUSTECHO_SPOOL=/srv/spool');

        self::assertSame('/srv/spool', (new Environment([$this->folder]))->get('RUSTECHO_SPOOL'));
        self::assertNull((new Environment([$this->folder], false))->get('RUSTECHO_SPOOL'));
    }

    /** @dataProvider ports */
    #[DataProvider('ports')]
    public function testPortsAreReadAsTheSidecarReadsThem(string $value, int $port): void
    {
        putenv("RUSTECHO_PORT=$value");

        self::assertSame($port, $this->config()->port());
    }

    /** @return array<array{string, int}> */
    public static function ports(): array
    {
        return [['7001', 7001], ['tcp://10.0.0.1:7001', 7001], [' 7001/', 7001], ['soon', 6001]];
    }

    public function testHostPrefixAndRedis(): void
    {
        file_put_contents(
            "$this->folder/.env",
            "RUSTECHO_HOST=10.0.0.1\nRUSTECHO_REDIS_PREFIX=p_\nRUSTECHO_SUBSCRIBERS_REDIS=off\nRUSTECHO_AUTH_ENDPOINT=/x\n",
        );
        $config = $this->config(['subscribers' => ['redis' => true]]);

        self::assertSame(['http://10.0.0.1:6001', 'p_', false, '/x'], [
            $config->url(), $config->redisPrefix(), $config->takesRedis(), $config->get('authEndpoint'),
        ]);
    }

    /**
     * @dataProvider spools
     * @param array<string, mixed> $file
     */
    #[DataProvider('spools')]
    public function testTheSpoolsFolder(string|false|null $expected, array $file, string $spool = '', string $path = ''): void
    {
        putenv("RUSTECHO_SPOOL=$spool");
        putenv("RUSTECHO_SPOOL_PATH=$path");

        self::assertSame($expected, $this->config($file)->spoolFolder());
    }

    public function testARelativeSpoolIsInTheFolderInWhichTheSidecarRuns(): void
    {
        self::assertSame("$this->folder/storage/spool", $this->config(['spool' => 'storage/spool'])->spoolFolder());
        putenv('RUSTECHO_SPOOL_PATH=spool');
        self::assertSame("$this->folder/spool", $this->config(['spool' => ['ttl' => 9]])->spoolFolder());
    }

    /** @return array<array<mixed>> */
    public static function spools(): array
    {
        return [
            [null, []], [null, ['spool' => true]], [false, ['spool' => false]], [null, ['spool' => ['ttl' => 9]]],
            ['/a', ['spool' => '/a']], ['/a', ['spool' => ['path' => '/a']]],
            ['/b', ['spool' => ['path' => '/a']], '', '/b'], ['/a', ['spool' => '/a'], '', '/b'],
            ['/c', ['spool' => ['path' => '/a']], '/c', '/b'], [false, ['spool' => '/a'], 'false'],
            ['/a', ['spool' => ['path' => '/a']], 'true'],
        ];
    }

    /** @param array<string, mixed> $values */
    private function config(array $values = ['host' => null]): ConfigFile
    {
        file_put_contents($path = "$this->folder/beside/rustecho.json", json_encode($values));

        return ConfigFile::find($this->folder, $path) ?? self::fail('it was not found');
    }
}
