<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Settings;

final class SettingsTest extends TestCase
{
    public function testTheConnectionWinsOverTheFile(): void
    {
        $settings = Settings::from(
            ['driver' => 'rustecho', 'socket' => '/a.sock', 'timeout_ms' => '80'],
            ['socket' => '/b.sock', 'timeout_ms' => 100, 'ack' => 'none', 'transport' => 'php', 'auth' => []],
        );

        self::assertSame(['php', '/a.sock', 80, 'none'], [
            $settings->transport, $settings->socket, $settings->timeoutMs, $settings->ack,
        ]);
        self::assertSame(['/a.sock', 80, 'none'], [
            $settings->socketPath(), $settings->timeoutOrDefault(), $settings->ackOrDefault(),
        ]);
    }

    public function testWhatIsLeftOutIsLeftToTheExtension(): void
    {
        $settings = Settings::from(['socket' => '', 'timeout_ms' => '', 'ack' => null]);

        self::assertSame(['auto', null, null, null], [
            $settings->transport, $settings->socket, $settings->timeoutMs, $settings->ack,
        ]);
        self::assertSame('receipt', $settings->ackOrDefault());
    }

    public function testTheWordNullInTheEnvironmentMeansTheNullTransport(): void
    {
        self::assertSame('null', Settings::from([], ['transport' => null])->transport);
        self::assertSame('null', Settings::from(['transport' => null], ['transport' => null])->transport);
    }

    public function testANullInTheConnectionLeavesTheKeyToTheFile(): void
    {
        $keys = ['transport' => 'php', 'socket' => '/a.sock', 'timeout_ms' => 80, 'ack' => 'none', 'on_failure' => 'redis'];
        $keys += ['breaker_ms' => 7, 'spool' => '/s', 'spool_max_bytes' => 9, 'redis' => 'r'];

        self::assertEquals(Settings::from($keys), Settings::from(array_fill_keys(array_keys($keys), null), $keys));
        self::assertSame('auto', Settings::from(['transport' => null])->transport);
    }

    /** @dataProvider wrong */
    #[DataProvider('wrong')]
    public function testWrongValuesNameKeyValueAndWhatIsAllowed(string $key, mixed $value, string $shown, string $allowed): void
    {
        try {
            Settings::from([$key => $value]);
        } catch (InvalidOption $error) {
            self::assertStringContainsString("\"$key\" is $shown", $error->getMessage());
            self::assertStringContainsString($allowed, $error->getMessage());
            self::assertStringContainsString('RUSTECHO_' . strtoupper($key), $error->getMessage());

            return;
        }
        self::fail("$key = $shown was taken");
    }

    /** @return array<array{string, mixed, string, string}> */
    public static function wrong(): array
    {
        return [
            ['timeout_ms', 0, '0', '1 to 60000'],
            ['timeout_ms', 60_001, '60001', '1 to 60000'],
            ['timeout_ms', 'soon', "'soon'", '1 to 60000'],
            ['timeout_ms', '1.5', "'1.5'", '1 to 60000'],
            ['timeout_ms', true, 'true', '1 to 60000'],
            ['timeout_ms', [5], 'array', '1 to 60000'],
            ['ack', 'yes', "'yes'", '"receipt", "deferred" or "none"'],
            ['ack', true, 'true', '"receipt", "deferred" or "none"'],
            ['socket', 7, '7', 'text'],
            ['socket', ['/a'], 'array', 'text'],
            ['socket', '/' . str_repeat('x', 107), "'/" . str_repeat('x', 107) . "'", '1 to 107 bytes'],
            ['socket', "/a\0b", "'/a'", 'the path of a Unix socket'],
            ['transport', 1, '1', 'text'],
            ['socket', 'storage/x.sock', "'storage/x.sock'", 'an absolute path, as'],
            ['socket', './x.sock', "'./x.sock'", "base_path('./x.sock')"],
            ['spool', 'storage/spool', "'storage/spool'", "base_path('storage/spool')"],
            ['spool', ['/a'], 'array', 'text'],
        ];
    }
}
