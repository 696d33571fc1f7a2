<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Exception;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\OrderNamed;
use Rustecho\Laravel\Tests\Support\OrderShipped;
use Rustecho\Laravel\Tests\Support\RecordingRedis;

/** What becomes of events while the sidecar is away. */
final class OnFailureTest extends SidecarTestCase
{
    /** @dataProvider acks */
    #[DataProvider('acks')]
    public function testThePolicyLogDropsTheEventAndSaysSo(string $ack): void
    {
        $this->boot(['on_failure' => 'log', 'ack' => $ack, 'timeout_ms' => 200]);

        $this->broadcast('lost');
        event(new OrderNamed('lost'));
        $this->app->terminate();

        self::assertMatchesRegularExpression('/ERROR: rustecho dropped lost on a, b, c and 1 more: /', $this->files->log());
        $named = 'ERROR: rustecho dropped ' . OrderNamed::class . ' as lost on orders: ';
        self::assertStringContainsString($named, $this->files->log());
    }

    /** @dataProvider acks */
    #[DataProvider('acks')]
    public function testThePolicyRedisPublishesThereWithTheSameId(string $ack): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->readPublish() && $peer->hang());
        $this->boot(['on_failure' => 'redis', 'redis' => 'events', 'ack' => $ack, 'timeout_ms' => 200]);
        $redis = new RecordingRedis();
        $this->app->instance('redis', $redis);

        event(new OrderShipped(1, 'größer'));
        $this->app->terminate();

        [$tried] = $this->sidecar->received('publish', 1);
        $message = '{"event":' . json_encode(OrderShipped::class) . ',"socket":null,"rustecho_id":"' . $tried['id']
            . '","data":{"id":1,"title":"größer"}}';
        self::assertSame(
            [['events', 'private-orders.1', $message], ['events', 'presence-room', $message]],
            $redis->published,
        );
    }

    /** @dataProvider fates */
    #[DataProvider('fates')]
    public function testWhatFailsLaterSaysWhetherItMayHaveArrived(bool $there, string $ack, int $code): void
    {
        if ($there) {
            $this->sidecar->start(static fn (FakePeer $peer) => $peer->readPublish() && $peer->hang());
        }
        $this->boot(['transport' => 'php', 'on_failure' => 'throw', 'ack' => $ack, 'timeout_ms' => 200]);
        $reported = $this->reported();

        try {
            $ack === 'receipt' ? Rustecho::together(fn () => $this->broadcast('lost')) : $this->broadcast('lost');
        } catch (BroadcastException $error) {
            $reported->append($error);
        }
        $this->app->terminate();

        self::assertCount(1, $reported);
        self::assertSame([$code, $code], [$reported[0]->getCode(), $reported[0]->getPrevious()->getCode()]);
    }

    /** @return array<string, array{bool, string, int}> */
    public static function fates(): array
    {
        return [
            'deferred, no socket' => [false, 'deferred', 0], 'together, no socket' => [false, 'receipt', 0],
            'deferred, no answer' => [true, 'deferred', 1], 'together, no answer' => [true, 'receipt', 1],
        ];
    }

    public function testNothingIsSaidToBePassedOnThatHasNotLeft(): void
    {
        $this->boot(['transport' => 'php', 'on_failure' => 'throw', 'ack' => 'none', 'timeout_ms' => 200]);
        $reported = $this->reported();

        try {
            $this->broadcast('lost', 1, array_map(static fn (int $n): string => "c.$n", range(1, 150)));
            self::fail('No BroadcastException was thrown.');
        } catch (BroadcastException $error) {
            self::assertStringContainsString('it was taken, without a receipt so far, for its first 100', $error->getMessage());
        }
        $this->app->terminate();

        self::assertCount(1, $reported, 'what became of the first part');
        self::assertStringContainsString('lost on c.1, c.2, c.3 and 97 more: no connection', $reported[0]->getMessage());
    }

    /** @dataProvider manners */
    #[DataProvider('manners')]
    public function testThePolicyRedisKeepsTheOrder(string $ack, bool $together): void
    {
        $this->boot(['on_failure' => 'redis', 'ack' => $ack, 'breaker_ms' => 60_000]);
        $this->app->instance('redis', $redis = new RecordingRedis());
        // So much that together() writes what it has more than once.
        $large = str_repeat('x', 40_000);
        $publish = fn () => array_map(fn (string $name) => $this->broadcast($name, $large), ['e1', 'e2', 'e3', 'e4']);

        $together ? Rustecho::together($publish) : $publish();
        $this->app->terminate();

        $events = array_map(static fn (array $one): string => json_decode($one[2], true)['event'], $redis->published);
        self::assertSame(['e1', 'e2', 'e3', 'e4'], array_values(array_unique($events)));
        self::assertCount(16, $events, 'each once on each of its channels');
    }

    /** @return array<string, array{string, bool}> */
    public static function manners(): array
    {
        return ['deferred' => ['deferred', false], 'together' => ['receipt', true], 'none, together' => ['none', true]];
    }

    public function testTheMessageOfBothNamesThePathWhereRedisFailsToo(): void
    {
        $this->boot(['on_failure' => 'redis']);
        $this->app->bind('redis', static fn () => throw new \RuntimeException('Connection refused'));

        try {
            $this->broadcast('lost');
            self::fail('No BroadcastException was thrown.');
        } catch (BroadcastException $error) {
            self::assertStringContainsString($this->sidecar->path, $error->getMessage());
            self::assertStringContainsString('Redis, which "on_failure" names, does not', $error->getMessage());
            self::assertStringContainsString('Connection refused. See `php artisan rustecho:doctor`.', $error->getMessage());
        }
    }

    public function testWhereNobodyListensToRedisTheEventFails(): void
    {
        $this->boot(['on_failure' => 'redis']);
        $this->app->instance('redis', $redis = new RecordingRedis());
        $redis->listeners = array_fill_keys(['a', 'b', 'c', 'd'], 0);

        try {
            $this->broadcast('lost');
            self::fail('No BroadcastException was thrown.');
        } catch (BroadcastException $error) {
            self::assertStringContainsString($this->sidecar->path, $error->getMessage());
            self::assertStringContainsString('nobody listens to any of its channels at the Redis', $error->getMessage());
            $codes = [$error->getCode(), $error->getPrevious()->getCode()];
            self::assertSame([Exception::FATE_UNKNOWN, Exception::FATE_UNKNOWN], $codes, 'who listens to a replica has it');
        }
        self::assertSame(['a', 'b', 'c', 'd'], array_column($redis->published, 1));
    }

    public function testWhereSomebodyListensToOneChannelOnRedisTheEventIsTaken(): void
    {
        $this->boot(['on_failure' => 'redis']);
        $this->app->instance('redis', $redis = new RecordingRedis());
        $redis->listeners = ['a' => 0, 'c' => 0];

        $this->broadcast('taken');

        self::assertSame(['a', 'b', 'c', 'd'], array_column($redis->published, 1));
    }

    public function testWhatRedisRefusesIsNotTaken(): void
    {
        $this->boot(['on_failure' => 'redis']);
        $this->app->instance('redis', $redis = new RecordingRedis());
        $redis->listeners = ['c' => false];
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('it refuses PUBLISH on c');

        $this->broadcast('refused');
    }

    /** @return array<string, array{string}> */
    public static function acks(): array
    {
        return ['receipt' => ['receipt'], 'deferred' => ['deferred']];
    }

    public function testThePolicyThrowThrows(): void
    {
        $this->boot(['on_failure' => 'throw']);
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessageMatches('~could not broadcast lost on a.* as user .*err(no|or) 2.*rustecho:doctor~s');

        $this->broadcast('lost');
    }

    public function testWithoutASettingEventsAreSpooledAndWhatCannotBeIsThrown(): void
    {
        $this->boot();
        $spool = dirname($this->sidecar->path) . '/spool';
        self::assertDirectoryDoesNotExist($spool);
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('could not be spooled');

        $this->broadcast('lost');
    }

    /** @param list<string> $channels */
    private function broadcast(string $event, mixed $data = 1, array $channels = ['a', 'b', 'c', 'd']): void
    {
        $this->app->make(\Illuminate\Contracts\Broadcasting\Factory::class)
            ->connection('rustecho')->broadcast($channels, $event, ['n' => $data]);
    }
}
