<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Config\Repository;
use Illuminate\Foundation\Application;
use Illuminate\Redis\Connectors\PhpRedisConnector;
use Illuminate\Redis\RedisManager;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Checks\RedisPrefixCheck;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Framework;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Tests\Support\Scratch;

/** The prefix that the doctor compares is the one that is put before the channels. */
final class RedisPrefixTest extends TestCase
{
    private const HOST = ['host' => '127.0.0.1', 'port' => 6379];
    private const REDIS = [
        'client' => 'phpredis',
        'options' => ['prefix' => 'laravel_database_'],
        'default' => self::HOST,
        'broadcast' => self::HOST + ['options' => ['prefix' => '']],
    ];

    public function testTheConnectionThatPublishesHasThePrefix(): void
    {
        $own = ['on_failure' => 'redis', 'redis' => 'broadcast'];

        self::assertSame(Finding::GOOD, $this->look($own, '')->level);
        self::assertSame(Finding::PROBLEM, $this->look($own, 'laravel_database_')->level);
        self::assertSame(Finding::GOOD, $this->look(['on_failure' => 'redis'], 'laravel_database_')->level);
        self::assertSame(Finding::PROBLEM, $this->look(['on_failure' => 'redis'], '')->level);
    }

    public function testLaravelsOwnDriverTakesThePrefixOfAllConnections(): void
    {
        $driver = ['driver' => 'redis', 'connection' => 'broadcast'];

        self::assertSame(Finding::GOOD, $this->look([], 'laravel_database_', $driver)->level);
        self::assertSame(Finding::PROBLEM, $this->look([], '', $driver)->level);
    }

    public function testWithoutTheSidecarsConfigurationNothingIsCompared(): void
    {
        $finding = $this->look(['on_failure' => 'redis'], null);

        self::assertSame([Finding::NOTE, 'redis-not-compared'], [$finding->level, $finding->id]);
        self::assertStringContainsString('--config=', $finding->advice);
        self::assertSame(Finding::GOOD, $this->look([], null)->level, 'nobody publishes by Redis');
    }

    public function testWhatHasTheLastWordIsNamed(): void
    {
        $ofFile = $this->look(['on_failure' => 'redis'], '', ['driver' => 'rustecho'], ['redis' => false]);
        putenv('RUSTECHO_SUBSCRIBERS_REDIS=off');
        $ofEnvironment = $this->look(['on_failure' => 'redis'], '');
        putenv('RUSTECHO_SUBSCRIBERS_REDIS');

        self::assertSame(['redis-source-off', 'redis-source-off'], [$ofFile->id, $ofEnvironment->id]);
        self::assertMatchesRegularExpression('~^Set subscribers.redis to true in /\S+\.json, ~', $ofFile->advice);
        self::assertStringContainsString('in the environment (RUSTECHO_SUBSCRIBERS_REDIS), ', $ofEnvironment->advice);
        self::assertMatchesRegularExpression('~keyPrefix in /\S+\.json to~', $this->look(['on_failure' => 'redis'], '')->advice);
    }

    /**
     * @dataProvider connections
     * @param array<string, mixed> $redis
     */
    #[DataProvider('connections')]
    public function testItIsThePrefixThatLaravelGivesTheClient(array $redis, ?string $connection = null): void
    {
        $connector = new class () extends PhpRedisConnector {
            /** @var array<string, mixed> */
            public array $seen = [];

            protected function createClient(array $config)
            {
                $this->seen = $config;

                return new \stdClass();
            }

            protected function createRedisClusterInstance(array $servers, array $options)
            {
                return $this->createClient($options);
            }
        };
        $manager = new RedisManager(new Application(), 'phpredis', $redis);
        $manager->extend('phpredis', fn () => $connector);
        $manager->connection($connection);

        self::assertSame((string) ($connector->seen['prefix'] ?? ''), Framework::redisPrefix($redis, $connection));
    }

    /** @return array<string, array{0: array<string, mixed>, 1?: string}> */
    public static function connections(): array
    {
        $all = ['options' => ['prefix' => 'all_']];
        $of = static fn (array $own): array => ['default' => self::HOST + $own];

        return [
            'none' => [$of([])],
            'of all' => [$all + $of([])],
            'its own' => [$all + $of(['options' => ['prefix' => 'own_']])],
            'its own, empty' => [self::REDIS, 'broadcast'],
            'its own, null' => [$all + $of(['options' => ['prefix' => null]])],
            'its options say something else' => [$all + $of(['options' => ['name' => 'x']])],
            'beside its options' => [$all + $of(['prefix' => 'beside_'])],
            'beside its options only' => [$of(['prefix' => 'beside_'])],
            'beside and in its options' => [$all + $of(['prefix' => 'beside_', 'options' => ['prefix' => 'own_']])],
            'a cluster' => [$all + ['clusters' => ['options' => ['prefix' => 'clusters_'], 'events' => [self::HOST]]], 'events'],
            'a cluster without one' => [$all + ['clusters' => ['events' => [self::HOST]]], 'events'],
        ];
    }

    public function testPredisTakesAPrefixBesideTheOptionsInEveryRelease(): void
    {
        $redis = ['client' => 'predis', 'options' => ['prefix' => 'all_'], 'default' => self::HOST + ['prefix' => 'beside_']];

        self::assertSame('beside_', Framework::redisPrefix($redis, null));
    }

    /**
     * @param array<string, mixed> $settings
     * @param array<string, mixed> $connection in config/broadcasting.php
     * @param array<string, mixed> $subscribers
     */
    private function look(
        array $settings,
        ?string $keyPrefix,
        array $connection = ['driver' => 'rustecho'],
        array $subscribers = ['redis' => true],
    ): Finding {
        $app = new Application();
        $app->instance('config', new Repository([
            'database' => ['redis' => self::REDIS],
            'broadcasting' => ['default' => 'events', 'connections' => ['events' => $connection]],
        ]));
        file_put_contents($path = Scratch::path('rustecho') . '.json', json_encode([
            'subscribers' => $subscribers, 'databaseConfig' => ['redis' => ['keyPrefix' => $keyPrefix]],
        ]));
        $file = $keyPrefix === null ? null : ConfigFile::find('', $path);
        $visit = new Visit($app, 'events', Settings::from($settings), $file, 'http://x', 'http://x');

        return iterator_to_array((new RedisPrefixCheck())->run($visit), false)[0];
    }
}
