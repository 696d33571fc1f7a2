<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Console\EnvFile;
use Rustecho\Laravel\Tests\Support\Scratch;

final class EnvFileTest extends TestCase
{
    /** @dataProvider lines */
    #[DataProvider('lines')]
    public function testAValueIsReadAndNothingButTheValueIsReplaced(string $line, ?string $value, string $replaced): void
    {
        file_put_contents($path = Scratch::path('env'), $line);
        $env = EnvFile::at($path) ?? self::fail('it is not there');

        self::assertSame($value, $env->get('KEY'));
        $env->set('KEY', 'rustecho');
        self::assertTrue($env->save());
        self::assertSame($replaced, file_get_contents($path));
        self::assertSame('rustecho', EnvFile::at($path)?->get('KEY'));
    }

    /** @return array<array{string, ?string, string}> */
    public static function lines(): array
    {
        return [
            ["KEY=log\n", 'log', "KEY=rustecho\n"],
            ['KEY=log', 'log', 'KEY=rustecho'],
            ["KEY=\"log\" # default\n", 'log', "KEY=rustecho # default\n"],
            ["KEY='rustecho' # ours\n", 'rustecho', "KEY=rustecho # ours\n"],
            ["KEY=\"log\"# default\n", 'log', "KEY=rustecho # default\n"],
            ["KEY=log  # \"default\"\r\nB=1\r\n", 'log', "KEY=rustecho  # \"default\"\r\nB=1\r\n"],
            ["KEY='a # b'\n", 'a # b', "KEY=rustecho\n"],
            ["KEY=\"a \\\" # b\"\n", 'a \\" # b', "KEY=rustecho\n"],
            ["KEY=a#b\n", 'a#b', "KEY=rustecho\n"],
            ["KEY=\n# KEY=old\n", '', "KEY=rustecho\n# KEY=old\n"],
            ["KEY= # nothing yet\nB=1\n", '', "KEY= rustecho # nothing yet\nB=1\n"],
            ["  export KEY = my value \nB=1\n", 'my value', "  export KEY = rustecho \nB=1\n"],
            ["KEY=a\nB=1\nKEY='b'\n", 'b', "KEY=rustecho\nB=1\nKEY=rustecho\n"],
            ["KEY=\"open\nB=1\n", 'open', "KEY=rustecho\nB=1\n"],
            ["B=1", null, "B=1\nKEY=rustecho\n"],
        ];
    }
}
