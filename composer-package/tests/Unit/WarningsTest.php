<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Publishers\Seldom;
use Rustecho\Laravel\Publishers\Warnings;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\MemoryLog;

/** How often something is said, where it goes for every event. */
final class WarningsTest extends TestCase
{
    private MemoryLog $log;
    private string $file;

    protected function setUp(): void
    {
        Seldom::forget();
        $this->log = new MemoryLog();
        $this->file = sys_get_temp_dir() . '/rustecho-warnings-' . getmypid();
    }

    protected function tearDown(): void
    {
        Seldom::forget();
        array_map('unlink', glob("$this->file*"));
    }

    public function testOnTheCommandLineAProcessWarnsOncePerSocket(): void
    {
        foreach (['/run/a.sock', '/run/a.sock', '/run/b.sock', '/run/a.sock'] as $socket) {
            $this->spooled($socket, 'cli');
        }

        self::assertSame(['/run/a.sock', '/run/b.sock'], $this->sockets());
        self::assertSame([], glob("$this->file*"), 'it needs no file');
    }

    public function testElsewhereTheApplicationWarnsOnceAnHourPerSocket(): void
    {
        foreach (['/run/a.sock', '/run/a.sock', '/run/b.sock', '/run/a.sock'] as $socket) {
            Seldom::forget(); // as a new request does
            $this->spooled($socket, 'fpm-fcgi');
            $this->spooled($socket, 'fpm-fcgi');
        }
        self::assertSame(['/run/a.sock', '/run/b.sock'], $this->sockets());

        array_map(static fn (string $file) => touch($file, time() - 3_700), glob("$this->file*"));
        Seldom::forget();
        $this->spooled('/run/a.sock', 'fpm-fcgi');
        $this->spooled('/run/a.sock', 'fpm-fcgi');
        self::assertSame(['/run/a.sock', '/run/b.sock', '/run/a.sock'], $this->sockets());
    }

    public function testWhereItsFolderCannotBeWrittenToTheSystemsRemembers(): void
    {
        $this->file = '/proc/nowhere/' . getmypid();
        $file = "$this->file-" . hash('crc32b', 'spool of /run/a.sock');
        $memory = sys_get_temp_dir() . '/rustecho-said-' . posix_geteuid() . '-' . hash('crc32b', $file);
        foreach (['/run/a.sock', '/run/a.sock'] as $socket) {
            Seldom::forget();
            $this->spooled($socket, 'fpm-fcgi');
        }

        unlink($memory);
        self::assertSame(['/run/a.sock'], $this->sockets());
    }

    private function spooled(string $socket, string $sapi): void
    {
        $warnings = new Warnings($this->log, new Seldom($this->file, $sapi));
        $warnings->spooled(Settings::from(['socket' => $socket]), static fn (): string => 'nobody is there');
    }

    /** @return list<string> those that the log names */
    private function sockets(): array
    {
        preg_match_all('~listens at (\S+) again~', implode($this->log->lines), $found);

        return $found[1];
    }
}
