<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Sidecar\LaravelRedis;

/** What Laravel has in config/database.php, in the sidecar's words. */
final class LaravelRedisTest extends TestCase
{
    /**
     * @dataProvider servers
     * @param array<string, mixed> $own
     * @param array<string, mixed> $expected
     */
    #[DataProvider('servers')]
    public function testTheSidecarIsToldOfTheSameServer(array $own, array $expected): void
    {
        $redis = new LaravelRedis(['options' => ['prefix' => 'app_'], 'events' => $own], 'events');

        self::assertEquals($expected + ['keyPrefix' => 'app_'], $redis->forSidecar());
    }

    /** @return array<string, array{array<string, mixed>, array<string, mixed>}> */
    public static function servers(): array
    {
        $tls = ['host' => 'r', 'port' => 6380, 'tls' => true];

        return [
            'as Laravel has it' => [
                ['url' => null, 'host' => 'r', 'password' => null, 'port' => '6380', 'database' => '0'],
                ['host' => 'r', 'port' => 6380],
            ],
            'a user' => [
                ['host' => 'r', 'username' => 'u', 'password' => 'p'],
                ['host' => 'r', 'port' => 6379, 'username' => 'u', 'password' => 'p'],
            ],
            'a URL' => [['url' => 'redis://:p@r:6380/1', 'host' => 'no'], ['host' => 'r', 'port' => 6380, 'password' => 'p']],
            'TLS by URL' => [['url' => 'rediss://r:6380'], $tls],
            'TLS by host' => [['host' => 'tls://r', 'port' => 6380], $tls],
            'TLS by scheme' => [['host' => 'r', 'port' => 6380, 'scheme' => 'tls'], $tls],
            'a Unix socket' => [['host' => '/run/redis.sock', 'port' => 0], ['path' => '/run/redis.sock']],
            'a Unix socket of Predis' => [['scheme' => 'unix', 'path' => '/run/redis.sock'], ['path' => '/run/redis.sock']],
        ];
    }

    public function testWhatIsNoSingleServerIsNamed(): void
    {
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('config/database.php has no redis.events');

        (new LaravelRedis(['clusters' => ['events' => [['host' => 'r']]]], 'events'))->forSidecar();
    }
}
