<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Contracts\Broadcasting\Factory;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Exception;
use Rustecho\Laravel\RustechoBroadcaster;
use Rustecho\Laravel\Tests\Support\OrderShipped;
use Rustecho\Refused;

/** Events of a whole Laravel application, on their way over a real Unix socket. */
final class BroadcastTest extends PublishingTestCase
{
    protected static function settings(): array
    {
        return ['transport' => 'php', 'timeout_ms' => 2_000];
    }

    protected static function refusal(array $publish): ?array
    {
        return in_array('refused', [$publish['event'], ...$publish['channels']], true) ? [8, 'the sidecar is stopping'] : null;
    }

    public function testAnEventGoesToItsChannelsButNotToItsSender(): void
    {
        $this->app['request']->headers->set('X-Socket-ID', 'sender-1');

        broadcast(new OrderShipped(1, 'größer /x'))->toOthers();

        [$got] = $this->sidecar->received('publish', 1);
        self::assertSame(['private-orders.1', 'presence-room'], $got['channels']);
        self::assertSame(OrderShipped::class, $got['event']);
        self::assertSame('sender-1', $got['socket']);
        self::assertSame('{"id":1,"title":"größer /x"}', $got['data']);
    }

    public function testWithoutToOthersNobodyIsLeftOut(): void
    {
        event(new OrderShipped(2, 'x'));

        self::assertSame('', $this->sidecar->received('publish', 1)[0]['socket']);
    }

    public function testHolesInTheChannelListDoNotMatter(): void
    {
        $this->broadcast([3 => 'a', 7 => 'b'], 'e', []);

        [$got] = $this->sidecar->received('publish', 1);
        self::assertSame([['a', 'b'], '{}'], [$got['channels'], $got['data']]);
    }

    public function testNoChannelIsNoPublish(): void
    {
        $this->broadcast([], 'e', []);
        $this->broadcast(['c'], 'marker', []);

        self::assertSame(['marker'], array_column($this->sidecar->received('publish', 1), 'event'));
    }

    public function testMoreChannelsThanOneEventMayHaveAreSplit(): void
    {
        $channels = array_map(static fn (int $n): string => "c.$n", range(1, 250));

        $this->broadcast($channels, 'e', ['a' => 1]);

        $got = array_column($this->sidecar->received('publish', 3), 'channels');
        self::assertSame([100, 100, 50], array_map('count', $got));
        self::assertSame($channels, array_merge(...$got));
    }

    public function testAFailureAmidManyChannelsSaysWhichHaveHadTheEvent(): void
    {
        $channels = array_map(static fn (int $n): string => "c.$n", range(1, 150));
        try {
            $this->broadcast([...$channels, 'refused'], 'e', []);
            self::fail('No BroadcastException was thrown.');
        } catch (BroadcastException $error) {
        }

        $says = 'it was passed on for its first 100 channels, and not, or not surely, for those from c.101 on: the sidecar';
        self::assertStringContainsString($says, $error->getMessage());
        self::assertNotInstanceOf(Refused::class, $error->getPrevious(), 'some have got it');
        self::assertSame([Exception::FATE_UNKNOWN, Exception::FATE_UNKNOWN], [
            $error->getCode(), $error->getPrevious()->getCode(),
        ]);
    }

    /** @dataProvider impossibleSocketIds */
    #[DataProvider('impossibleSocketIds')]
    public function testWhatCannotBeASocketIdLeavesNobodyOut(mixed $socket): void
    {
        $this->broadcast(['c'], 'e', ['socket' => $socket, 'a' => 1]);

        [$got] = $this->sidecar->received('publish', 1);
        self::assertSame(['', '{"a":1}'], [$got['socket'], $got['data']]);
    }

    /** @return array<array{mixed}> */
    public static function impossibleSocketIds(): array
    {
        return [[null], [''], [12], [['x']], [str_repeat('x', 256)], ["\xFF"]];
    }

    /** @dataProvider unacceptable */
    #[DataProvider('unacceptable')]
    public function testWhatCannotBePublishedNamesEventChannelAndCause(array $payload, string $cause): void
    {
        $error = $this->failure(fn () => $this->broadcast(['orders.1'], OrderShipped::class, $payload));

        self::assertStringContainsString(OrderShipped::class, $error->getMessage());
        self::assertStringContainsString('on orders.1', $error->getMessage());
        self::assertStringContainsString($cause, $error->getMessage());
        self::assertNotNull($error->getPrevious());
        $this->broadcast(['c'], 'marker', []);
        self::assertSame(['marker'], array_column($this->sidecar->received('publish', 1), 'event'), 'nothing else was written');
    }

    /** @return array<string, array{array<string, mixed>, string}> */
    public static function unacceptable(): array
    {
        $recursive = [];
        $recursive['self'] = &$recursive;
        $deep = array_reduce(range(1, 600), static fn (mixed $inner): array => [$inner], 1);

        return [
            'not UTF-8' => [['a' => "\xB1\x31"], 'UTF-8'],
            'NAN' => [['a' => NAN], 'Inf and NaN'],
            'INF' => [['a' => INF], 'Inf and NaN'],
            'recursion' => [$recursive, 'ecursion'],
            'depth' => [['a' => $deep], 'stack depth exceeded; the limit is 512 levels)'],
            'a resource' => [['a' => STDIN], 'Type is not supported'],
            'too large' => [['a' => str_repeat('x', 10_485_760)], "the sidecar's limit is 10485760"],
            'an object that throws' => [['a' => new class implements \JsonSerializable {
                public function jsonSerialize(): mixed
                {
                    throw new \LogicException('not today');
                }
            }], 'not today'],
        ];
    }

    public function testARefusalIsABroadcastException(): void
    {
        $error = $this->failure(fn () => $this->broadcast(['a', 'b', 'c', 'd', 'e'], 'refused', []));

        self::assertStringContainsString('refused on a, b, c and 2 more', $error->getMessage());
        self::assertStringContainsString('the sidecar is stopping', $error->getMessage());
    }

    public function testAStoppedSidecarIsABroadcastException(): void
    {
        $this->sidecar->stop();

        $error = $this->failure(static fn () => event(new OrderShipped(1, 'x')));

        self::assertStringContainsString('on private-orders.1, presence-room', $error->getMessage());
        self::assertStringContainsString('Is the sidecar running', $error->getMessage());
    }

    public function testAWrongSettingFailsTheBroadcastOnly(): void
    {
        $this->app['config']->set('rustecho.transport', 'pigeon');
        $broadcaster = $this->app->make(Factory::class)->connection();

        self::assertInstanceOf(RustechoBroadcaster::class, $broadcaster);
        $error = $this->failure(static fn () => $broadcaster->broadcast(['c'], 'e', []));
        self::assertStringContainsString('"transport" is "pigeon"', $error->getMessage());
    }

    private function broadcast(array $channels, string $event, array $payload): void
    {
        $this->app->make(Factory::class)->connection()->broadcast($channels, $event, $payload);
    }

    private function failure(callable $call): BroadcastException
    {
        try {
            $call();
        } catch (BroadcastException $error) {
            return $error;
        }
        self::fail('No BroadcastException was thrown.');
    }
}
