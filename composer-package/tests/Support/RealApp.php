<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Filesystem\Filesystem;
use RuntimeException;

/** The application of tests/fixtures/app, installed by Composer without a network. */
final class RealApp
{
    private const PACKAGE = __DIR__ . '/../..';

    private static ?self $shared = null;

    private function __construct(public readonly string $folder)
    {
    }

    /** The one application of this test run. Tests change its environment, or what they put back. */
    public static function shared(): self
    {
        return self::$shared ??= self::install();
    }

    /**
     * Runs an artisan command to its end.
     *
     * @param list<string> $arguments
     * @param array<string, string> $env
     * @return array{int, string} exit status and output
     */
    public function artisan(array $arguments, array $env = [], float $seconds = 120.0): array
    {
        $running = $this->start([...self::php(), 'artisan', ...$arguments, '--no-ansi'], $env);
        $status = $running->wait($seconds);
        $output = $running->output();
        unlink($running->log);

        return [$status, $output];
    }

    /**
     * @param list<string> $command
     * @param array<string, string> $env
     */
    public function start(array $command, array $env = []): Running
    {
        return new Running($command, $this->folder, $env);
    }

    /** PHP as the tests themselves run: with the extension where they have it. @return list<string> */
    public static function php(): array
    {
        $extension = getenv('RUSTECHO_EXTENSION');
        if (! extension_loaded('rustecho')) {
            return [PHP_BINARY];
        }

        return is_string($extension) && $extension !== '' ? [PHP_BINARY, '-d', "extension=$extension"] : [PHP_BINARY];
    }

    private static function install(): self
    {
        $folder = Scratch::path('app');
        (new Filesystem())->copyDirectory(self::PACKAGE . '/tests/fixtures/app', $folder);
        foreach (['bootstrap/cache', 'database', 'storage/logs', 'storage/framework/cache', 'storage/framework/sessions'] as $d) {
            @mkdir("$folder/$d", 0777, true);
        }
        $self = new self($folder);
        $composer = [
            'COMPOSER_ALLOW_SUPERUSER' => '1', 'COMPOSER_DISABLE_NETWORK' => '1', 'COMPOSER_HOME' => "$folder/.composer",
        ];
        $make = [PHP_BINARY, self::PACKAGE . '/tests/fixtures/composer-json.php', (string) realpath(self::PACKAGE)];
        file_put_contents("$folder/composer.json", $self->output($make));
        $self->output(['composer', 'require', 'rustecho/laravel:*@dev', '--no-interaction', '--no-progress'], $composer);
        touch("$folder/database/database.sqlite");
        [$status, $output] = $self->artisan(['test:database']);
        if ($status !== 0) {
            throw new RuntimeException("test:database failed:\n$output");
        }

        return $self;
    }

    /**
     * @param list<string> $command
     * @param array<string, string> $env
     */
    private function output(array $command, array $env = []): string
    {
        $running = $this->start($command, $env);
        $status = $running->wait(120.0);
        if ($status !== 0) {
            throw new RuntimeException(implode(' ', $command) . " exited with $status:\n" . $running->output());
        }

        return $running->output();
    }
}
