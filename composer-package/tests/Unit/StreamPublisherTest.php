<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\TestCase;
use Psr\Log\NullLogger;
use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\MemoryLog;
use Rustecho\Refused;
use Rustecho\Timeout;

/** The pure-PHP client against a real Unix socket server in another process. */
final class StreamPublisherTest extends TestCase
{
    private const LATE_MS = 500; // how much later than its deadline a call may return on a busy machine

    private FakeSidecar $sidecar;

    protected function setUp(): void
    {
        $this->sidecar = new FakeSidecar();
    }

    protected function tearDown(): void
    {
        $this->sidecar->stop();
    }

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

    public function testASilentSidecarCostsNoMoreThanTheTimeout(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());

        $this->failsInTime(200, '1', 'may still arrive');
    }

    public function testASidecarThatReadsNothingCostsNoMoreThanTheTimeout(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());
        $json = '"' . str_repeat('x', 5_000_000) . '"';

        $this->failsInTime(200, $json, 'not published');
    }

    public function testASidecarThatAnswersByteByByteCostsNoMoreThanTheTimeout(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->readPublish();
            $peer->raw("RE\x01\x04\0\xFF\xFF\xFF");
            while (true) {
                $peer->raw('x');
                usleep(20_000);
            }
        });

        $this->failsInTime(300, '1', 'may still arrive');
    }

    public function testAFullBacklogCostsNoMoreThanTheTimeout(): void
    {
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $context = stream_context_create(['socket' => ['backlog' => 1]]);
        $listener = stream_socket_server("unix://{$this->sidecar->path}", $code, $error, $flags, $context);
        self::assertIsResource($listener, (string) $error);
        $waiting = [];
        while ($stream = @stream_socket_client("unix://{$this->sidecar->path}", $code, $error, 0.2)) {
            $waiting[] = $stream;
            self::assertLessThan(1_000, count($waiting), 'the backlog never fills');
        }

        $this->failsInTime(200, '1', 'no connection');
    }

    public function testAfterATimeoutTheNextEventGetsANewConnection(): void
    {
        $this->sidecar->start(static function (FakePeer $peer, int $number): void {
            $publish = (array) $peer->readPublish();
            if ($number === 1) {
                $peer->read(); // the client closes
            }
            $peer->receipt($publish, $number);
            $peer->readPublish();
        });
        $publisher = $this->publisher(['timeout_ms' => 200]);
        $this->failure(Timeout::class, static fn () => $publisher->publish(['c'], 'e', '1', null));

        self::assertSame(2, $publisher->publish(['c'], 'e', '2', null)->subscribers);
    }

    public function testAClosedConnectionIsReopenedOnceAndTheSameEventWrittenAgain(): void
    {
        $this->sidecar->start(static function (FakePeer $peer, int $number): void {
            $publish = (array) $peer->readPublish();
            if ($number === 1) {
                $peer->receipt($publish);
                $peer->readPublish(); // and close without a word
                $peer->close();

                return;
            }
            $peer->receipt($publish, 2);
            $peer->readPublish();
        });
        $publisher = $this->publisher();
        $publisher->publish(['c'], 'e', '1', null);

        self::assertSame(2, $publisher->publish(['c'], 'e', '2', null)->subscribers);
        $got = $this->sidecar->received('publish', 3);
        self::assertSame(['1', '2', '2'], array_column($got, 'data'));
        self::assertSame($got[1]['id'], $got[2]['id']);
    }

    public function testARestartingSidecarIsWaitedForWithinTheDeadline(): void
    {
        $this->sidecar->start(self::answering());
        $publisher = $this->publisher(['timeout_ms' => 5_000]);
        $publisher->publish(['c'], 'e', '1', null);
        $this->sidecar->kill();
        unlink($this->sidecar->path);
        $restarting = pcntl_fork();
        if ($restarting === 0) {
            usleep(100_000);
            $listener = stream_socket_server("unix://{$this->sidecar->path}");
            $peer = new FakePeer(stream_socket_accept($listener, 5), '/dev/null');
            $peer->receipt((array) $peer->readPublish(), 9);
            posix_kill(getmypid(), SIGKILL);
        }

        self::assertSame(9, $publisher->publish(['c'], 'e', '2', null)->subscribers);
        pcntl_waitpid($restarting, $status);
    }

    public function testAConnectionThatIsAlwaysClosedFails(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->close());

        $error = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', '1', null));

        self::assertStringContainsString('twice', $error->getMessage());
        self::assertStringContainsString('unixSocket.allowedUids', $error->getMessage());
    }

    public function testNobodyListeningFailsAtOnceAndSaysWhatToDo(): void
    {
        $start = hrtime(true);
        $missing = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', '1', null));
        $this->sidecar->start(self::answering())->kill();
        $stopped = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', '1', null));

        self::assertLessThan(self::LATE_MS * 1_000_000, hrtime(true) - $start);
        self::assertStringContainsString('Is the sidecar running', $missing->getMessage());
        self::assertStringContainsString($this->sidecar->path, $missing->getMessage());
        self::assertStringContainsString('start it', $stopped->getMessage());
        self::assertSame([0, 0], [$missing->getCode(), $stopped->getCode()], 'the event has surely not arrived');
    }

    public function testWhatWasWrittenBeforeTheSidecarWentAwayMayHaveArrived(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->receipt((array) $peer->readPublish());
            $peer->readPublish();
            posix_kill(getmypid(), SIGKILL);
        });
        $publisher = $this->publisher(['timeout_ms' => 300]);
        $publisher->publish(['c'], 'e', '1', null);

        $error = $this->failure(ConnectionFailed::class, static fn () => $publisher->publish(['c'], 'e', '2', null));

        self::assertSame(Exception::FATE_UNKNOWN, $error->getCode());
        self::assertStringContainsString('The event may have arrived', $error->getMessage());
    }

    public function testAChildGetsItsOwnConnectionAndIdsAndLeavesTheParentsAlone(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            if (pcntl_fork() === 0) { // serve each connection apart, as parent and child are connected at once
                self::answering()($peer);
                posix_kill(getmypid(), SIGKILL);
            }
            $peer->close();
        });
        $publisher = $this->publisher();
        $publisher->publish(['c'], 'e', '"before"', null);
        $child = pcntl_fork();
        if ($child === 0) {
            $publisher->publish(['c'], 'e', '"child"', null);
            posix_kill(getmypid(), SIGKILL);
        }
        pcntl_waitpid($child, $status);
        $publisher->publish(['c'], 'e', '"after"', null);

        $got = array_column($this->sidecar->received('publish', 3), 'id', 'data');
        $process = static fn (string $data): string => substr($got[$data], 0, 16);
        self::assertSame($process('"before"'), $process('"after"'));
        self::assertNotSame($process('"before"'), $process('"child"'));
        self::assertSame([getmypid(), $child], array_column($this->sidecar->received('hello', 2), 'pid'));
    }

    public function testAnotherProgramOnTheSocketIsRecognised(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->raw("HTTP/1.1 400 Bad Request\r\n\r\n"));

        $error = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', '1', null));

        self::assertStringContainsString('Is it rustecho', $error->getMessage());
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

    /** @return \Closure(FakePeer): void accepts everything */
    private static function answering(): \Closure
    {
        return static function (FakePeer $peer): void {
            while (($publish = $peer->readPublish()) !== null) {
                $peer->receipt($publish, 42);
            }
        };
    }

    /** @param array<string, mixed> $settings */
    private function publisher(array $settings = [], ?MemoryLog $log = null): StreamPublisher
    {
        $all = $settings + ['socket' => $this->sidecar->path, 'timeout_ms' => 2_000];

        return new StreamPublisher(Settings::from($all), $log ?? new NullLogger());
    }

    private function failsInTime(int $milliseconds, string $json, string $says): void
    {
        $publisher = $this->publisher(['timeout_ms' => $milliseconds]);
        $start = hrtime(true);
        $error = $this->failure(Timeout::class, static fn () => $publisher->publish(['c'], 'e', $json, null));
        $took = (hrtime(true) - $start) / 1e6;

        self::assertStringContainsString($says, $error->getMessage());
        self::assertSame($says === 'may still arrive' ? Exception::FATE_UNKNOWN : 0, $error->getCode());
        self::assertGreaterThanOrEqual($milliseconds - 1, $took);
        self::assertLessThan($milliseconds + self::LATE_MS, $took);
    }

    /** @param class-string<Exception> $class */
    private function failure(string $class, callable $call): Exception
    {
        try {
            $call();
        } catch (Exception $error) {
            self::assertInstanceOf($class, $error, $error->getMessage());

            return $error;
        }
        self::fail("No $class was thrown.");
    }
}
