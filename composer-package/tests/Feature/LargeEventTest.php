<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Contracts\Broadcasting\Factory;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\RecordingRedis;

/** Events over 10 MiB, of which only the sidecar can say whether it takes them. */
final class LargeEventTest extends SidecarTestCase
{
    private const TIMEOUT_MS = 400;
    private const LATE_MS = 1_000; // how much later 12 MiB may be on the disk of a busy machine
    private const BYTES = 12 << 20;

    /** @dataProvider acks */
    #[DataProvider('acks')]
    public function testAHungSidecarCostsItsTimeoutOnceAndTheEventsAreSpooled(string $ack): void
    {
        mkdir($spool = "{$this->sidecar->path}.spool", 0700);
        $this->hang(['on_failure' => 'spool', 'spool' => $spool, 'ack' => $ack]);

        $took = [$this->broadcast(), $this->broadcast(), $this->broadcast('small')];

        $records = implode('', array_map('file_get_contents', glob("$spool/*.spool")));
        array_map('unlink', glob("$spool/*.spool"));
        rmdir($spool);
        self::assertLessThan(self::TIMEOUT_MS + self::LATE_MS, $took[0]);
        self::assertLessThan(self::LATE_MS, $took[1] + $took[2]);
        self::assertSame([2, 1], [substr_count($records, '{"x":"xxxx'), substr_count($records, '{"x":"small"}')]);
        self::assertGreaterThan(2 * self::BYTES, strlen($records));
    }

    /** @return array<string, array{string}> */
    public static function acks(): array
    {
        return ['receipt' => ['receipt'], 'deferred' => ['deferred'], 'none' => ['none']];
    }

    /** @dataProvider acks */
    #[DataProvider('acks')]
    public function testWithThePolicyThrowTheSecondIsToldThatTheFirstFailed(string $ack): void
    {
        $this->hang(['on_failure' => 'throw', 'ack' => $ack]);
        $says = [];
        $took = [];
        foreach ([1, 2] as $try) {
            $start = hrtime(true);
            try {
                $this->broadcast();
            } catch (BroadcastException $error) {
                $says[] = $error->getMessage();
                self::assertSame(0, $error->getPrevious()?->getCode(), 'nothing of it has been written');
            }
            $took[] = (hrtime(true) - $start) / 1e6;
        }

        self::assertCount(2, $says);
        self::assertStringContainsString('the event was not published', $says[0]);
        self::assertStringContainsString('asked again in', $says[1]);
        self::assertLessThan(self::TIMEOUT_MS + self::LATE_MS, $took[0]);
        self::assertLessThan(self::TIMEOUT_MS, $took[1]);
    }

    public function testThePoliciesLogAndRedisTakeThem(): void
    {
        $this->hang(['on_failure' => 'log']);
        $this->broadcast();
        $this->broadcast();
        self::assertSame(2, substr_count($this->files->log(), 'ERROR: rustecho dropped large on a, b'));

        $this->configure(['on_failure' => 'redis']);
        $redis = new RecordingRedis();
        $this->app->instance('redis', $redis);
        self::assertLessThan(self::TIMEOUT_MS, $this->broadcast(), 'the sidecar is left alone');
        self::assertCount(2, $redis->published, 'one for each channel');
        self::assertGreaterThan(self::BYTES, min(array_map('strlen', array_column($redis->published, 2))));
    }

    public function testASidecarThatIsThereRefusesWhatIsOverItsLimitBeforeItIsWritten(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            while (($message = $peer->read()) !== null) {
                $message['kind'] === 'hello' ? $peer->welcome(self::BYTES - 1) : $peer->receipt($message);
            }
        });
        $this->configure(['timeout_ms' => 10_000, 'on_failure' => 'spool']);

        try {
            $this->broadcast();
            self::fail('No BroadcastException was thrown.');
        } catch (BroadcastException $error) {
            $says = '/could not broadcast large on a, b: .* 12582920 bytes.* limit (is|of) 12582911/';
            self::assertMatchesRegularExpression($says, $error->getMessage());
        }
        $this->broadcast(str_repeat('x', self::BYTES - 100));

        self::assertCount(1, $this->sidecar->received('publish', 1));
    }

    /** @param array<string, mixed> $settings */
    private function hang(array $settings): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang())->pause();
        $this->configure($settings);
    }

    /** @param array<string, mixed> $settings */
    private function configure(array $settings): void
    {
        $this->boot($settings + ['timeout_ms' => self::TIMEOUT_MS, 'breaker_ms' => 600_000]);
    }

    /** @return float how long it took, in milliseconds */
    private function broadcast(?string $data = null): float
    {
        $payload = ['x' => $data ?? str_repeat('x', self::BYTES)];
        $start = hrtime(true);
        $this->app->make(Factory::class)->connection('rustecho')->broadcast(['a', 'b'], 'large', $payload);

        return (hrtime(true) - $start) / 1e6;
    }
}
