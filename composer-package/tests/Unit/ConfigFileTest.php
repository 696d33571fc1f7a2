<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Sidecar\Unreachable;
use Rustecho\Laravel\Tests\Support\Scratch;

/** The sidecar's configuration as this side reads it. */
final class ConfigFileTest extends TestCase
{
    public function testCommentsAndALastCommaAreNoFaultHereEither(): void
    {
        $text = "\xEF\xBB\xBF// one\n{ # two\n\"port\": 7001, /* three\n */ \"authHost\": \"http://a.test/*x*/#,]\",\n"
            . "\"note\": \"a \\\" // b\", \"databaseConfig\": {\"redis\": {\"keyPrefix\": \"p_\",},}, // four\n} /* never closed";

        $config = $this->read($text);

        self::assertSame('http://127.0.0.1:7001', $config->url());
        self::assertSame('http://a.test/*x*/#,]', $config->get('authHost'));
        self::assertSame('a " // b', $config->get('note'));
        self::assertSame('p_', $config->redisPrefix());
    }

    /** @dataProvider sources */
    #[DataProvider('sources')]
    public function testWhetherRedisIsListenedTo(string $text, bool $expected, ?string $variable = null): void
    {
        putenv('RUSTECHO_SUBSCRIBERS_REDIS' . ($variable === null ? '' : "=$variable"));

        self::assertSame($expected, $this->read($text)->takesRedis());
        putenv('RUSTECHO_SUBSCRIBERS_REDIS');
    }

    /** @return array<array{string, bool, 2?: string}> */
    public static function sources(): array
    {
        $redis = '"databaseConfig": {"redis": {"host": "r"}}';

        return [
            ['{}', false], ["{{$redis}}", true], ['{"databaseConfig": {"redis": {}}}', false], ['{}', true, 'true'],
            ['{"subscribers": {"redis": true}}', true], ["{\"subscribers\": {\"http\": true}, $redis}", false],
            ['{"subscribers": {"redis": true}}', false, 'false'],
        ];
    }

    public function testTheShippedFileIsRead(): void
    {
        $shipped = dirname(__DIR__, 3) . '/deploy/rustecho.json';
        if (! is_file($shipped)) {
            self::assertFileDoesNotExist(dirname($shipped), 'this is the package alone');

            return;
        }

        self::assertSame('http://127.0.0.1:6001', ConfigFile::find('', $shipped)?->url());
    }

    /** @dataProvider broken */
    #[DataProvider('broken')]
    public function testWhatIsNoConfigurationIsNamed(string $text): void
    {
        $this->expectException(Unreachable::class);
        $this->expectExceptionMessageMatches('/is not a JSON object/');

        $this->read($text);
    }

    /** @return array<array{string}> */
    public static function broken(): array
    {
        return [['{ nope'], [''], ['"text"'], ['{"a": 1,, }']];
    }

    public function testAFileThatIsNotThereIsSaidToBeNotThere(): void
    {
        $this->expectException(Unreachable::class);
        $this->expectExceptionMessageMatches('/there is no such file/');

        ConfigFile::find('', Scratch::path('none'));
    }

    private function read(string $text): ConfigFile
    {
        $path = Scratch::path('rustecho') . '.json';
        file_put_contents($path, $text);

        return ConfigFile::find('', $path) ?? self::fail('it was not found');
    }
}
