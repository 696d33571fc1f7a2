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
     * @param array<string, mixed>|string $own
     * @param array<string, mixed> $expected
     */
    #[DataProvider('servers')]
    public function testTheSidecarIsToldOfTheSameServer(array|string $own, array $expected): void
    {
        $redis = new LaravelRedis(['options' => ['prefix' => 'app_'], 'events' => $own], 'events');

        self::assertEquals($expected + ['keyPrefix' => 'app_'], $redis->forSidecar());
    }

    /** @return array<string, array{array<string, mixed>|string, array<string, mixed>}> */
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
            'a URL alone' => ['redis://r:6380', ['host' => 'r', 'port' => 6380]],
            'TLS by URL' => [['url' => 'rediss://r:6380'], $tls],
            'TLS by host' => [['host' => 'tls://r', 'port' => 6380], $tls],
            'TLS by scheme' => [['host' => 'r', 'port' => 6380, 'scheme' => 'tls'], $tls],
            'a Unix socket' => [['host' => '/run/redis.sock', 'port' => 0], ['path' => '/run/redis.sock']],
            'a Unix socket of Predis' => [['scheme' => 'unix', 'path' => '/run/redis.sock'], ['path' => '/run/redis.sock']],
        ];
    }

    /**
     * @dataProvider others
     * @param array<string, mixed> $all
     */
    #[DataProvider('others')]
    public function testWhatIsNoSingleServerIsNamed(array $all): void
    {
        $this->expectException(InvalidOption::class);
        $this->expectExceptionMessage('config/database.php has no redis.events');

        (new LaravelRedis($all, 'events'))->forSidecar();
    }

    /** @return array<string, array{array<string, mixed>}> */
    public static function others(): array
    {
        $servers = ['tcp://a', 'tcp://b'];
        $sentinels = ['replication' => 'sentinel', 'service' => 'mymaster'];

        return [
            'none' => [[]],
            'a cluster' => [['clusters' => ['events' => [['host' => 'r']]]]],
            'a list' => [['events' => $servers]],
            'a list of one' => [['events' => [['host' => 'a']]]],
            'a replication' => [['events' => [...$servers, 'options' => ['replication' => true]]]],
            'sentinels' => [['events' => [...$servers, 'options' => $sentinels]]],
            'sentinels with one of them on top' => [['events' => ['tcp://a', 'host' => 'b', 'options' => $sentinels]]],
            'sentinels by another driver' => [['events' => ['sentinel_host' => 'a', 'sentinel_service' => 'mymaster']]],
        ];
    }

    /** Predis makes use of them for a list alone. */
    public function testOptionsOfClustersMeanNothingForOneServer(): void
    {
        $options = ['cluster' => 'redis', 'replication' => 'sentinel'];
        $redis = new LaravelRedis(['options' => $options, 'events' => ['host' => 'r', 'options' => $options]], 'events');

        self::assertSame(['host' => 'r', 'port' => 6379], $redis->forSidecar());
    }
}
