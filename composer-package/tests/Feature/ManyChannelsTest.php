<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Contracts\Broadcasting\Factory;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Exception;
use Rustecho\Laravel\Tests\Support\FakePeer;

/** An event for so many channels that it travels in ten parts is one call, with one timeout. */
final class ManyChannelsTest extends SidecarTestCase
{
    private const TIMEOUT_MS = 150;
    private const LATE_MS = 300; // how much later it may be on a busy machine; with a timeout for each part it was 450 and more

    public function testASlowSidecarCostsItsTimeoutOnce(): void
    {
        $this->slow(60_000);
        $this->boot(['timeout_ms' => self::TIMEOUT_MS, 'on_failure' => 'throw']);

        [$took, $error] = $this->broadcast();

        self::assertLessThan(self::TIMEOUT_MS + self::LATE_MS, $took);
        $says = 'it was passed on for its first 200 channels, and not, or not surely, for those from c.201 on: ';
        self::assertStringContainsString($says, (string) $error?->getMessage());
        self::assertSame(Exception::FATE_UNKNOWN, $error->getCode());
        self::assertLessThanOrEqual(3, count($this->sidecar->received('publish', 2)), 'what comes after is not tried');
    }

    /** @dataProvider acks */
    #[DataProvider('acks')]
    public function testAHungSidecarCostsItsTimeoutOnce(string $ack): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());
        $this->boot(['timeout_ms' => self::TIMEOUT_MS, 'on_failure' => 'log', 'ack' => $ack]);

        [$took, $error] = $this->broadcast();

        self::assertNull($error);
        self::assertLessThan(self::TIMEOUT_MS + self::LATE_MS, $took);
        $this->app->terminate();
        preg_match_all('/rustecho dropped \S+ on c\.(\d+),/', $this->files->log(), $dropped);
        self::assertSame($ack === 'none' ? [] : range(1, 901, 100), array_map('intval', $dropped[1]), 'each part, in order');
    }

    /** @return array<string, array{string}> */
    public static function acks(): array
    {
        return ['receipt' => ['receipt'], 'deferred' => ['deferred'], 'none' => ['none']];
    }

    public function testTimeThatIsThereIsLeftToEachPart(): void
    {
        $this->slow(5_000);
        $this->boot();

        [, $error] = $this->broadcast();

        self::assertNull($error);
        $channels = array_column($this->sidecar->received('publish', 10), 'channels');
        self::assertSame(self::channels(), array_merge(...$channels));
    }

    /** @return list<string> */
    private static function channels(): array
    {
        return array_map(static fn (int $n): string => "c.$n", range(1, 1_000));
    }

    private function slow(int $microseconds): void
    {
        $this->sidecar->start(static function (FakePeer $peer) use ($microseconds): void {
            while (($publish = $peer->readPublish()) !== null) {
                usleep($microseconds);
                $peer->receipt($publish);
            }
        });
    }

    /** @return array{float, ?BroadcastException} how long it took, in milliseconds */
    private function broadcast(): array
    {
        $connection = $this->app->make(Factory::class)->connection('rustecho');
        $start = hrtime(true);
        try {
            $connection->broadcast(self::channels(), 'e', ['a' => 1]);
        } catch (BroadcastException $error) {
        }

        return [(hrtime(true) - $start) / 1e6, $error ?? null];
    }
}
