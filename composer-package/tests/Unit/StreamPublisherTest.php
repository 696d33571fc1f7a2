<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Rustecho\ConnectionFailed;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\MemoryLog;
use Rustecho\Refused;

/** The pure-PHP client against a real Unix socket server in another process. */
final class StreamPublisherTest extends StreamPublisherTestCase
{
    public function testAnEventArrivesWholeAndItsReceiptComesBack(): void
    {
        $this->sidecar->start(self::answering());
        $before = (int) (microtime(true) * 1e6);

        $receipt = $this->publisher()->publish(['orders', 'private-orders.1'], 'App\Shipped', '{"größe":1}', 'socket-1');

        [$got] = $this->sidecar->received('publish', 1);
        self::assertSame([$got['id'], 42, true], [$receipt->id, $receipt->subscribers, $receipt->accepted]);
        self::assertSame(['orders', 'private-orders.1'], $got['channels']);
        self::assertSame(['App\Shipped', '{"größe":1}', 'socket-1'], [$got['event'], $got['data'], $got['socket']]);
        self::assertSame([1, ''], [$got['flags'], $got['trace']]);
        self::assertGreaterThanOrEqual($before, $got['time']);
        self::assertSame(getmypid(), $this->sidecar->received('hello', 1)[0]['pid']);
    }

    public function testTheConnectionIsKeptAndIdsCountUp(): void
    {
        $this->sidecar->start(self::answering());
        $publisher = $this->publisher();
        $ids = [];
        for ($n = 0; $n < 50; $n++) {
            $ids[] = $publisher->publish(['c'], 'e', (string) $n, null)->id;
        }

        $got = $this->sidecar->received('publish', 50);
        self::assertSame(array_map('strval', range(0, 49)), array_column($got, 'data'));
        self::assertCount(50, array_unique($ids));
        self::assertCount(1, array_unique(array_map(static fn (string $id) => substr($id, 0, 16), $ids)));
        self::assertCount(1, $this->sidecar->received('hello', 1));
    }

    public function testMegabytesPassThroughASmallSocketBuffer(): void
    {
        $this->sidecar->start(self::answering());
        $json = '"' . str_repeat('x', 9_000_000) . '"';

        self::assertTrue($this->publisher(['timeout_ms' => 5_000])->publish(['c'], 'e', $json, null)->accepted);
        self::assertSame(md5($json), md5($this->sidecar->received('publish', 1)[0]['data']));
    }

    public function testARefusalSaysWhyAndLeavesTheConnectionUsable(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->refuse((array) $peer->readPublish(), 3, 'data: "{" is not valid JSON');
            $peer->receipt((array) $peer->readPublish());
        });
        $publisher = $this->publisher();

        $refused = $this->failure(Refused::class, static fn () => $publisher->publish(['c'], 'e', '{', null));

        self::assertStringContainsString('data: "{" is not valid JSON', $refused->getMessage());
        self::assertSame(3, $refused->getCode());
        self::assertTrue($publisher->publish(['c'], 'e', '{}', null)->accepted);
        self::assertCount(1, $this->sidecar->received('hello', 1));
    }

    public function testWithoutReceiptALaterPublishReportsTheRefusal(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->refuse((array) $peer->readPublish(), 6, 'the event name is bad');
            $peer->readPublish();
            $peer->hang();
        });
        $log = new MemoryLog();
        $publisher = $this->publisher(['ack' => 'none'], $log);

        $receipt = $publisher->publish(['c'], 'e', '1', null);
        self::assertSame([null, false], [$receipt->subscribers, $receipt->accepted]);
        self::assertSame(0, $this->sidecar->received('publish', 1)[0]['flags']);

        // The refusal is on its way: publish until it has been met.
        $until = hrtime(true) + 5_000_000_000;
        while ($log->lines === [] && hrtime(true) < $until) {
            $publisher->publish(['c'], 'e', '2', null);
        }
        self::assertStringContainsString('refused an earlier event', $log->lines[0]);
        self::assertStringContainsString('the event name is bad', $log->lines[0]);
    }

    public function testAnotherProgramOnTheSocketIsRecognised(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->raw("HTTP/1.1 400 Bad Request\r\n\r\n"));

        $error = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', '1', null));

        self::assertStringContainsString('Is it rustecho', $error->getMessage());
        $user = posix_getpwuid(posix_geteuid())['name'];
        self::assertStringContainsString("{$this->sidecar->path} as user $user is not understood", $error->getMessage());
    }

    public function testDataOverTheSidecarsLimitIsNeverWritten(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            while (($message = $peer->read()) !== null) {
                $message['kind'] === 'hello' ? $peer->welcome(100) : $peer->receipt($message);
            }
        });
        $publisher = $this->publisher();
        $publisher->publish(['c'], 'e', '1', null); // brings the welcome

        $error = $this->failure(
            InvalidEvent::class,
            static fn () => $publisher->publish(['c'], 'e', '"' . str_repeat('x', 99) . '"', null),
        );

        self::assertStringContainsString('101 bytes', $error->getMessage());
        self::assertStringContainsString('limit is 100', $error->getMessage());
        $publisher->publish(['c'], 'e', '2', null);
        self::assertSame(['1', '2'], array_column($this->sidecar->received('publish', 2), 'data'));
    }

    public function testHelloAsksTheSidecarForItsVersion(): void
    {
        $this->sidecar->start(self::answering());

        $welcome = $this->publisher()->hello();

        self::assertSame(['0.1.0', 1, 1], [$welcome['sidecar'], $welcome['oldest'], $welcome['newest']]);
    }

    public function testASidecarThatSpeaksNoVersionOfOursIsToldInOneSentence(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->read();
            $peer->welcome(version: '3.0.0', oldest: 2, newest: 4);
            $peer->hang();
        });

        $publisher = $this->publisher(['timeout_ms' => 5_000]);
        $error = $this->failure(Refused::class, static fn () => $publisher->publish(['c'], 'e', '1', null));

        self::assertSame([Refused::class, 1], [get_class($error), $error->getCode()]);
        $sentence = 'the sidecar 3.0.0 speaks protocol versions 2 to 4, the package 0.1.0 does not: install one release of both';
        self::assertSame($sentence, $error->getMessage());
    }
}
