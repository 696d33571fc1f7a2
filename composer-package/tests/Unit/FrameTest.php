<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\ConnectionFailed;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Wire\Frame;

/** The golden frames are what the sidecar and the extension are tested against too. */
final class FrameTest extends TestCase
{
    private const GOLDEN = __DIR__ . '/../../../wire/tests/golden/';

    protected function setUp(): void
    {
        if (! is_dir(self::GOLDEN)) {
            self::markTestSkipped('skipped: the golden frames are in the project\'s repository, not in the package alone');
        }
    }

    public function testEveryGoldenFileIsTested(): void
    {
        $tested = ['hello', 'publish', 'publish-bare', 'receipt', 'refusal', 'refusal-version', 'welcome'];
        $tested[] = 'publish-lent'; // which this client has no use for: PHP cannot lend memory

        $there = array_map(static fn (string $file): string => basename($file, '.bin'), (array) glob(self::GOLDEN . '*.bin'));
        self::assertEqualsCanonicalizing($tested, $there);
    }

    public function testHelloIsWrittenByteForByte(): void
    {
        self::assertSame(self::golden('hello'), Frame::hello('rustecho-ext/0.1.0 php/8.2.36 fpm-fcgi', 4711));
    }

    public function testPublishIsWrittenByteForByte(): void
    {
        $frame = Frame::publish(
            hex2bin('000102030405060708090a0b0c0d0e0f'),
            ['orders', 'private-orders.1'],
            'App\Events\OrderShipped',
            '{"order":{"id":1,"total":9.50,"note":"größer ☃"}}',
            'pM1xFhIrNkqrY-5jAAAB',
            true,
            1_700_000_000_123_456,
            '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        );

        self::assertSame(self::golden('publish'), $frame);
    }

    public function testBarePublishIsWrittenByteForByte(): void
    {
        $frame = Frame::publish(str_repeat("\0", 16), ['c'], 'e', 'null', receipt: false, replayed: true);

        self::assertSame(self::golden('publish-bare'), $frame);
    }

    /** @dataProvider answers */
    #[DataProvider('answers')]
    public function testAnswersAreRead(string $name, array $fields): void
    {
        $bytes = self::golden($name);
        [$kind, $length] = Frame::readHeader(substr($bytes, 0, Frame::HEADER_BYTES));

        self::assertSame(strlen($bytes) - Frame::HEADER_BYTES, $length);
        self::assertSame(['kind' => $kind] + $fields, Frame::readBody($kind, substr($bytes, Frame::HEADER_BYTES)));
    }

    /** @return array<string, array{string, array<string, mixed>}> */
    public static function answers(): array
    {
        $id = hex2bin('000102030405060708090a0b0c0d0e0f');

        return [
            'welcome' => ['welcome', ['sidecar' => '0.1.0', 'oldest' => 1, 'newest' => 1, 'max_data' => 10_485_760]],
            'receipt' => ['receipt', ['id' => $id, 'subscribers' => 3]],
            'refusal' => ['refusal', [
                'id' => $id, 'code' => 7, 'message' => 'data: 10485761 bytes, over the limit of 10485760 bytes',
            ]],
            'refusal of a version' => ['refusal-version', [
                'id' => str_repeat("\0", 16), 'code' => 1, 'message' => 'protocol version 2 is not spoken here, only version 1',
            ]],
        ];
    }

    public function testAnAnswerCutOrLengthenedAnywhereIsRefused(): void
    {
        foreach (['welcome', 'receipt', 'refusal', 'refusal-version'] as $name) {
            $bytes = self::golden($name);
            $body = substr($bytes, Frame::HEADER_BYTES);
            for ($length = 0; $length <= strlen($body) + 1; $length++) {
                if ($length !== strlen($body)) {
                    self::assertFalse(self::decodes(ord($bytes[3]), substr("$body\0", 0, $length)), "$name, $length bytes");
                }
            }
        }
    }

    /** @dataProvider badHeaders */
    #[DataProvider('badHeaders')]
    public function testBadHeadersAreRefused(string $header): void
    {
        $this->expectException(ConnectionFailed::class);

        Frame::readHeader($header);
    }

    /** @return array<string, array{string}> */
    public static function badHeaders(): array
    {
        return [
            'magic' => ["HT\x01\x04\0\0\0\x14"],
            'version' => ["RE\x02\x04\0\0\0\x14"],
            'length' => ["RE\x01\x04\x01\0\0\x01"],
        ];
    }

    /** @dataProvider unacceptable */
    #[DataProvider('unacceptable')]
    public function testUnacceptableEventsNameTheFieldAndTheLimit(string $says, array $arguments): void
    {
        $event = $arguments + ['id' => str_repeat("\1", 16), 'channels' => ['c'], 'event' => 'e', 'data' => '1'];
        $this->expectException(InvalidEvent::class);
        $this->expectExceptionMessageMatches("/$says/");

        Frame::publish(...$event);
    }

    /** @return array<string, array{string, array<string, mixed>}> */
    public static function unacceptable(): array
    {
        return [
            'no channel' => ['1 to 100 channels.*has 0', ['channels' => []]],
            '101 channels' => ['1 to 100 channels.*has 101', ['channels' => array_fill(0, 101, 'c')]],
            'empty channel' => ['channel name is empty', ['channels' => ['a', '']]],
            'long channel' => ['channel name.*512.*513', ['channels' => [str_repeat('c', 513)]]],
            'channel that is not UTF-8' => ['channel name.*UTF-8', ['channels' => ["\xFF"]]],
            'empty event' => ['event name is empty', ['event' => '']],
            'long event' => ['event name.*512.*513', ['event' => str_repeat('e', 513)]],
            'long socket id' => ['socket id.*255.*256', ['socket' => str_repeat('s', 256)]],
            'long trace' => ['trace.*255.*256', ['trace' => str_repeat('t', 256)]],
            'long frame' => ['data has 16777216 bytes.*16777216', ['data' => str_repeat('d', 16_777_216)]],
        ];
    }

    public function testNamesAtTheLimitAreTaken(): void
    {
        $frame = Frame::publish(str_repeat("\1", 16), array_fill(0, 100, str_repeat('ü', 256)), str_repeat('e', 512), '1');

        self::assertSame(strlen($frame) - Frame::HEADER_BYTES, Frame::readHeader($frame)[1]);
    }

    private static function decodes(int $kind, string $body): bool
    {
        try {
            Frame::readBody($kind, $body);

            return true;
        } catch (ConnectionFailed) {
            return false;
        }
    }

    private static function golden(string $name): string
    {
        return (string) file_get_contents(self::GOLDEN . "$name.bin");
    }
}
