<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\RequiresPhpExtension;
use PHPUnit\Framework\TestCase;
use Rustecho\ConnectionFailed;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Publishers\ExtensionPublisher;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Refused;
use Rustecho\Timeout;

/**
 * The same road by the extension.
 *
 * @requires extension rustecho
 */
#[RequiresPhpExtension('rustecho')]
final class ExtensionPublisherTest extends TestCase
{
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
        $this->sidecar->start(static function (FakePeer $peer): void {
            while (($publish = $peer->readPublish()) !== null) {
                $peer->receipt($publish, 42);
            }
        });

        $receipt = $this->publisher()->publish(['orders'], 'App\Shipped', '{"größe":1}', 'socket-1');

        [$got] = $this->sidecar->received('publish', 1);
        self::assertSame([$got['id'], 42, true], [$receipt->id, $receipt->subscribers, $receipt->accepted]);
        self::assertSame(['App\Shipped', '{"größe":1}', 'socket-1'], [$got['event'], $got['data'], $got['socket']]);
    }

    public function testWithoutReceiptNothingIsAwaited(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->readPublish();
            $peer->hang();
        });

        $receipt = $this->publisher(['ack' => 'none'])->publish(['c'], 'e', '1', null);

        self::assertSame([null, false], [$receipt->subscribers, $receipt->accepted]);
        self::assertSame(0, $this->sidecar->received('publish', 1)[0]['flags']);
    }

    public function testTheSettingsReachTheExtension(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());
        $start = hrtime(true);

        try {
            $this->publisher(['timeout_ms' => 200])->publish(['c'], 'e', '1', null);
            self::fail('A silent sidecar gave a receipt.');
        } catch (Timeout $late) {
            self::assertSame(Timeout::FATE_UNKNOWN, $late->getCode());
            self::assertGreaterThanOrEqual(199, (hrtime(true) - $start) / 1e6);
        }
    }

    public function testARefusalCarriesItsCode(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->refuse((array) $peer->readPublish(), 8, 'stopping'));
        $this->expectException(Refused::class);
        $this->expectExceptionCode(8);

        $this->publisher()->publish(['c'], 'e', '1', null);
    }

    public function testABadEventIsNotWritten(): void
    {
        $this->expectException(InvalidEvent::class);

        $this->publisher()->publish([], 'e', '1', null);
    }

    public function testNobodyListening(): void
    {
        $this->expectException(ConnectionFailed::class);

        $this->publisher()->publish(['c'], 'e', '1', null);
    }

    /** @param array<string, mixed> $settings */
    private function publisher(array $settings = []): ExtensionPublisher
    {
        return new ExtensionPublisher(Settings::from($settings + ['socket' => $this->sidecar->path, 'timeout_ms' => 2_000]));
    }
}
