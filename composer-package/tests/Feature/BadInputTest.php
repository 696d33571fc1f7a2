<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\Factory;
use Illuminate\Support\Collection;
use Illuminate\Support\Str;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\OrderNamed;
use Rustecho\Laravel\Tests\Support\OrderRenamed;
use Rustecho\Laravel\Tests\Support\OrderState;

/** What applications hand over by mistake: refused as a whole, before anything is written, by a message that names it. */
final class BadInputTest extends PublishingTestCase
{
    public function testObjectsTextsAndWhatIsATextAreChannels(): void
    {
        $text = new class {
            public function __toString(): string
            {
                return 'd';
            }
        };

        $this->broadcast([new Channel('a'), 'b', new PrivateChannel(Str::of('c')), $text, Str::of('e')]);

        self::assertSame(['a', 'b', 'private-c', 'd', 'e'], $this->sidecar->received('publish', 1)[0]['channels']);
    }

    /** As with Laravel's own drivers: broadcastOn() may say that there is nobody to tell. */
    public function testAnEventOnNoChannelsIsNone(): void
    {
        $this->broadcast([]);

        $this->nothingWasWritten();
    }

    /** @dataProvider noChannels */
    #[DataProvider('noChannels')]
    public function testWhatIsNoChannel(mixed $channel, string $says): void
    {
        $error = $this->failure(fn () => $this->broadcast([3 => 'good', 7 => $channel]));

        $where = 'could not broadcast order.shipped: channel name [7] (after good) ';
        self::assertStringContainsString($where, $error->getMessage());
        self::assertStringContainsString($says, $error->getMessage());
        self::assertInstanceOf(InvalidEvent::class, $error->getPrevious());
        $this->nothingWasWritten();
    }

    /** @return array<string, array{mixed, string}> */
    public static function noChannels(): array
    {
        return [
            'a list in the list' => [['orders.1', 'b'], 'is an array (orders.1, …): the list of channels must not be nested'],
            'a channel in a list' => [[new Channel('a')], 'is an array (a): the list'],
            'an empty list' => [[], 'is an array: the list'],
            'a list of nameless channels' => [[new Channel(null)], 'is an array: the list'],
            'a list of lists' => [[['a']], 'is an array: the list'],
            'a channel of nothing' => [new Channel(null), 'is an object of ' . Channel::class . ' that gives no text: '],
            'a bare prefix' => ['presence-', 'is "presence-" and has nothing after its prefix'],
            'a private channel of nothing' => [new PrivateChannel(''), 'is "private-" and has nothing after its prefix'],
            'one that is to be encrypted' => ['private-encrypted-', 'is "private-encrypted-" and has nothing after its prefix'],
            'a collection' => [new Collection(['a']), 'is an object of Illuminate\Support\Collection: wrap it'],
            'an object' => [new \stdClass(), 'is an object of stdClass. It has to be a channel object or a name'],
            'a number' => [7, 'is of the type int'],
            'nothing' => [null, 'is of the type null'],
            'an empty name' => ['', 'is empty; it has to have 1 to 512 bytes'],
            'an empty channel' => [new Channel(''), 'is empty'],
            'a long name' => [str_repeat('ö', 257), 'has 514 bytes; the limit is 512 bytes'],
            'not UTF-8' => ["\xB1\x31", 'is not UTF-8'],
        ];
    }

    public function testAChannelThatThrowsIsNamedWithItsPlaceAndTheCause(): void
    {
        $channel = new class {
            public function __toString(): string
            {
                throw new \DomainException('the order has no number');
            }
        };

        $error = $this->failure(fn () => $this->broadcast(['good', $channel]));

        self::assertMatchesRegularExpression(
            '/channel name \[1\] \(after good\) is an object of class@anonymous that gives no text: the order has no number\.$/',
            $error->getMessage(),
        );
        self::assertInstanceOf(\DomainException::class, $error->getPrevious()?->getPrevious());
        $this->nothingWasWritten();
    }

    public function testAChannelInALaterPartKeepsTheEarlierPartsBack(): void
    {
        $channels = array_map(static fn (int $n): string => "c.$n", range(0, 249));
        $channels[180] = str_repeat('x', 513);

        $error = $this->failure(fn () => $this->broadcast($channels));

        self::assertStringContainsString('channel name [180] (after c.179) begins with "xxx', $error->getMessage());
        $this->nothingWasWritten();
    }

    /** @dataProvider names */
    #[DataProvider('names')]
    public function testAnEventNameOverTheLimit(string $name, string $says): void
    {
        $error = $this->failure(fn () => $this->app->make(Factory::class)->connection()->broadcast(['orders'], $name, []));

        self::assertStringContainsString($says, $error->getMessage());
        self::assertStringContainsString('512', $error->getMessage());
        self::assertLessThan(1_000, strlen($error->getMessage()));
        $this->nothingWasWritten();
    }

    /** @return array<string, array{string, string}> */
    public static function names(): array
    {
        return ['long' => [str_repeat('e', 513), 'on orders: '], 'empty' => ['', 'on orders: ']];
    }

    /** @dataProvider noNames */
    #[DataProvider('noNames')]
    public function testWhatIsNoEventName(mixed $name, string $type): void
    {
        $event = new OrderNamed($name);
        $error = $this->failure(static fn () => event($event));

        $says = OrderNamed::class . " on orders: the event name is of the type $type; broadcastAs() has to return a text.";
        self::assertStringContainsString($says, $error->getMessage());
        self::assertInstanceOf(InvalidEvent::class, $error->getPrevious());
        $this->nothingWasWritten();
    }

    /** @return array<string, array{mixed, string}> */
    public static function noNames(): array
    {
        return ['an array' => [['x'], 'array'], 'an object' => [new \stdClass(), 'stdClass'], 'nothing' => [null, 'null']];
    }

    public function testAnEnumAndWhatIsATextAreNames(): void
    {
        foreach ([OrderState::Shipped, Str::of('order.text'), 7] as $name) {
            event(new OrderNamed($name));
        }

        $events = array_column($this->sidecar->received('publish', 3), 'event');
        self::assertSame(['order.shipped', 'order.text', '7'], $events);
    }

    /** @dataProvider data */
    #[DataProvider('data')]
    public function testTheMessageNamesTheClassWhateverTheEventIsCalled(callable $data, string $says): void
    {
        $error = $this->failure(static fn () => event(new OrderRenamed(1, $data())));

        self::assertStringContainsString(OrderRenamed::class . ' as order.renamed on orders: ', $error->getMessage());
        self::assertStringContainsString($says, $error->getMessage());
        $this->nothingWasWritten();
    }

    /** @return array<string, array{callable(): mixed, string}> */
    public static function data(): array
    {
        return [
            'not UTF-8' => [static fn (): string => "\xFF", 'broadcastWith()'],
            'a resource' => [static fn () => STDIN, 'Type is not supported'],
        ] + self::unfit();
    }

    public function testAWrongSocketNamesPathUserErrnoAndTheDoctor(): void
    {
        $this->app['config']->set('rustecho.socket', '/nowhere/rustecho.sock');

        $error = $this->failure(static fn () => event(new OrderRenamed(1, 'x')));

        $user = posix_getpwuid(posix_geteuid());
        foreach (['/nowhere/rustecho.sock', '2', 'No such file', 'php artisan rustecho:doctor'] as $part) {
            self::assertStringContainsStringIgnoringCase($part, $error->getMessage());
        }
        self::assertMatchesRegularExpression("/as (user|uid) ({$user['name']}|{$user['uid']})\\b/", $error->getMessage());
        self::assertMatchesRegularExpression('/(errno|os error) 2\b/', $error->getMessage());
    }

    /**
     * @dataProvider otherServices
     * @param callable(FakePeer): mixed $serve
     */
    #[DataProvider('otherServices')]
    public function testTheSocketOfAnotherServiceIsNamedWithTheUserAndTheDoctor(callable $serve, string $says): void
    {
        $other = (new FakeSidecar())->start(static fn (FakePeer $peer) => $serve($peer));
        $settings = ['socket' => $other->path, 'transport' => 'php', 'on_failure' => 'throw', 'breaker_ms' => 0];
        $this->app['config']->set('rustecho', $settings + $this->app['config']->get('rustecho'));
        $publish = static fn () => event(new OrderRenamed(1, 'x'));
        foreach ([$publish, static fn () => Rustecho::together($publish)] as $call) {
            $message = $this->failure($call)->getMessage();

            $user = posix_getpwuid(posix_geteuid())['name'];
            foreach (["$other->path as user $user ", $says, 'unixSocket.path', '`php artisan rustecho:doctor`.'] as $part) {
                self::assertStringContainsString($part, $message);
            }
        }
        $other->stop();
    }

    /** @return array<string, array{callable(FakePeer): mixed, string}> */
    public static function otherServices(): array
    {
        $mysql = "\x4A\0\0\x00\x0A8.0.36\0\x08\0\0\0abcdefgh\0\xFF\xF7\xFF\2\0\xFF\xDF\x15";

        return [
            'one that speaks first, as MySQL' => [static function (FakePeer $peer) use ($mysql): void {
                $peer->raw($mysql);
                $peer->readPublish();
            }, 'is not understood'],
            'one that closes at once, as php-fpm' => [static fn (FakePeer $peer) => $peer->close(), 'was closed twice'],
        ];
    }

    public function testASocketThatCannotBeOneIsASettingThatIsWrong(): void
    {
        $this->app['config']->set('rustecho.socket', $path = '/tmp/' . str_repeat('long', 30));

        $error = $this->failure(static fn () => event(new OrderRenamed(1, 'x')));

        self::assertStringContainsString("\"socket\" is '$path'", $error->getMessage());
        self::assertStringContainsString('1 to 107 bytes', $error->getMessage());
        self::assertStringContainsString('php artisan rustecho:doctor', $error->getMessage());
    }

    /** @param array<array-key, mixed> $channels */
    private function broadcast(array $channels): void
    {
        $this->app->make(Factory::class)->connection()->broadcast($channels, 'order.shipped', ['a' => 1]);
    }

    private function nothingWasWritten(): void
    {
        $this->app->make(Factory::class)->connection()->broadcast(['c'], 'marker', []);
        self::assertSame(['marker'], array_column($this->sidecar->received('publish', 1), 'event'));
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
