<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Refused;
use Rustecho\Timeout;

/** How long the pure-PHP client takes at the most, and how it comes to a connection again. */
final class StreamPublisherBoundsTest extends StreamPublisherTestCase
{
    private const LATE_MS = 500; // how much later than its deadline a call may return on a busy machine

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

    public function testAListenerThatDoesNotSayWhatItTakesCostsNoMoreThanTheTimeout(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());

        $this->failsInTime(200, '"' . str_repeat('x', 11_000_000) . '"', 'did not say in time whether it takes 11000002 bytes');
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
        $user = posix_getpwuid(posix_geteuid())['name'];
        self::assertStringContainsString("{$this->sidecar->path} as user $user ", $error->getMessage());
    }

    public function testAConnectionThatIsClosedWhileItIsWrittenToNamesTheErrno(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->close());
        $json = '"' . str_repeat('x', 5_000_000) . '"';
        // Laravel's does the same: then PHP remembers no error.
        set_error_handler(static fn (): bool => true);
        $error = $this->failure(ConnectionFailed::class, fn () => $this->publisher()->publish(['c'], 'e', $json, null));
        restore_error_handler();

        self::assertStringContainsString('while the event was written, errno 32, Broken pipe', $error->getMessage());
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

    public function testWhoIsTurnedAwayAfterABreakIsNotToldThatTheEventWasRefused(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            static $connections = 0;
            $publish = (array) $peer->readPublish();
            $connections++ === 0 ? $peer->close() : $peer->refuse($publish, 8, 'stopping');
        });
        $publisher = $this->publisher(['timeout_ms' => 300]);

        $error = $this->failure(ConnectionFailed::class, static fn () => $publisher->publish(['c'], 'e', '1', null));
        $next = $this->failure(Refused::class, static fn () => $publisher->publish(['c'], 'e', '2', null));

        self::assertSame(Exception::FATE_UNKNOWN, $error->getCode());
        self::assertStringContainsString('stopping. The event may have arrived', $error->getMessage());
        self::assertSame(8, $next->getCode(), 'a sidecar that answers is asked again at once');
    }

    public function testWhoIsTurnedAwayWithoutAnEventIsNotToldThatOneMayHaveArrived(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            static $connections = 0;
            if ($connections++ === 0) {
                $peer->receipt((array) $peer->readPublish());
                $peer->read(); // whether it is there, it is asked
                $peer->close();
            } else {
                $peer->refuse(['id' => bin2hex(Frame::NO_ID)], 8, 'stopping');
            }
        });
        $publisher = $this->publisher(['timeout_ms' => 300]);
        $publisher->publish(['c'], 'e', '1', null);

        $error = $this->failure(Refused::class, static fn () => $publisher->hello());

        self::assertSame(8, $error->getCode());
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

    private function failsInTime(int $milliseconds, string $json, string $says): void
    {
        $publisher = $this->publisher(['timeout_ms' => $milliseconds]);
        $start = hrtime(true);
        $error = $this->failure(Timeout::class, static fn () => $publisher->publish(['c'], 'e', $json, null));
        $took = (hrtime(true) - $start) / 1e6;

        $user = posix_getpwuid(posix_geteuid())['name'];
        self::assertStringContainsString("the sidecar at {$this->sidecar->path} as user $user ", $error->getMessage());
        self::assertStringContainsString($says, $error->getMessage());
        // It may be another program that takes connections.
        self::assertStringEndsWith('or is this not the path in its setting unixSocket.path?', $error->getMessage());
        self::assertSame($says === 'may still arrive' ? Exception::FATE_UNKNOWN : 0, $error->getCode());
        self::assertGreaterThanOrEqual($milliseconds - 1, $took);
        self::assertLessThan($milliseconds + self::LATE_MS, $took);
    }
}
