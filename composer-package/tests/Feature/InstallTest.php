<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Contracts\Console\Kernel;
use Illuminate\Foundation\Application;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Console\InstallCommand;
use Rustecho\Laravel\Tests\Support\TestApp;
use Symfony\Component\Console\Tester\CommandTester;

/** rustecho:install in front of somebody who answers. The rest of it is in Behaviour\CommandsTest. */
final class InstallTest extends TestCase
{
    private TestApp $files;
    private Application $app;

    protected function setUp(): void
    {
        $this->files = new TestApp();
        $this->files->write('.env', "BROADCAST_CONNECTION=pusher\n");
        $this->app = $this->files->boot();
    }

    protected function tearDown(): void
    {
        $this->files->remove();
    }

    public function testItAsksBeforeItReplacesABroadcasterAndOffersASupervisorFile(): void
    {
        $terminal = $this->install(['yes', 'yes']);

        self::assertSame(0, $terminal->getStatusCode(), $terminal->getDisplay());
        self::assertSame("BROADCAST_CONNECTION=rustecho\nBROADCAST_DRIVER=rustecho\n", $this->read('.env'));
        self::assertStringContainsString('artisan rustecho:start', $this->read('rustecho.supervisor.conf'));
    }

    public function testNoMeansNo(): void
    {
        $terminal = $this->install(['no', 'no']);

        self::assertSame(1, $terminal->getStatusCode());
        self::assertSame("BROADCAST_CONNECTION=pusher\n", $this->read('.env'));
        self::assertFileDoesNotExist($this->files->folder . '/rustecho.supervisor.conf');
        self::assertStringContainsString('BROADCAST_CONNECTION stays "pusher"', $terminal->getDisplay());
    }

    /** @param list<string> $answers */
    private function install(array $answers): CommandTester
    {
        $command = $this->app->make(InstallCommand::class);
        $command->setLaravel($this->app);
        $command->setApplication((fn () => $this->getArtisan())->call($this->app->make(Kernel::class)));
        $terminal = new CommandTester($command);
        $terminal->setInputs($answers);
        $terminal->execute([]);

        return $terminal;
    }

    private function read(string $file): string
    {
        return (string) file_get_contents($this->files->folder . "/$file");
    }
}
