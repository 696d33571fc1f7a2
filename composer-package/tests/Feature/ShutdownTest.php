<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Tests\Support\OrderNamed;
use Rustecho\Laravel\Tests\Support\RealApp;
use Rustecho\Laravel\Tests\Support\Running;

/** Deferred events of a process that ends before Laravel's request does, each in a process of its own. */
final class ShutdownTest extends PublishingTestCase
{
    private const EVENT = '\Rustecho\Laravel\Tests\Support\OrderNamed';

    protected static function refusal(array $publish): ?array
    {
        return $publish['event'] === 'refused' ? [6, 'no good'] : null;
    }

    /** @dataProvider endings */
    #[DataProvider('endings')]
    public function testWhatFailsIsReported(string $ending): void
    {
        $output = $this->process("event(new \$event('fine')); event(new \$event('refused')); $ending");

        self::assertCount(2, $this->sidecar->received('publish', 2));
        $report = 'ERROR: rustecho could not broadcast ' . OrderNamed::class . ' as refused on orders: ';
        self::assertSame(1, substr_count($this->files->log(), $report), $this->files->log() . $output);
        self::assertStringNotContainsString('a deferred event was not published', $this->files->log());
        self::assertStringNotContainsString('rustecho: ', $output, 'nothing is left when PHP shuts down');
    }

    /** @dataProvider endings */
    #[DataProvider('endings')]
    public function testThePolicyIsKept(string $ending): void
    {
        $this->sidecar->pause();
        $output = $this->process("event(new \$event('lost')); $ending", ['on_failure' => 'log', 'timeout_ms' => 200]);

        $dropped = 'ERROR: rustecho dropped ' . OrderNamed::class . ' as lost on orders: ';
        self::assertSame(1, substr_count($this->files->log(), $dropped), $this->files->log() . $output);
    }

    /** @return array<string, array{string}> */
    public static function endings(): array
    {
        return [
            'exit()' => ['exit();'],
            'a fatal error' => ['ini_set("memory_limit", "48M"); str_repeat("x", 99_000_000);'],
            'exit() in a later callback' => ['$app->terminating(static function () { exit(); }); $app->terminate();'],
        ];
    }

    public function testALaterCallbackOfTheRequestsEnd(): void
    {
        $output = $this->process('$app->terminating(static fn () => event(new $event("refused"))); $app->terminate();');

        self::assertStringContainsString('could not broadcast ' . OrderNamed::class, $this->files->log(), $output);
    }

    public function testAShutdownFunctionThatBroadcastsToo(): void
    {
        $late = 'register_shutdown_function(static fn () => event(new $event("refused")));';
        $output = $this->process("event(new \$event('fine')); $late");

        self::assertStringContainsString('could not broadcast ' . OrderNamed::class, $this->files->log(), $output);
    }

    public function testExitBetweenEventsThatTravelTogether(): void
    {
        $together = '\Rustecho\Laravel\Rustecho::together(static function () use ($event) {
            event(new $event("fine"));
            event(new $event("refused"));
            exit();
        });';
        $output = $this->process($together, ['ack' => 'receipt']);

        self::assertSame(['fine', 'refused'], array_column($this->sidecar->received('publish', 2), 'event'));
        self::assertStringContainsString('could not broadcast ' . OrderNamed::class, $this->files->log(), $output);
    }

    /** @param array<string, mixed> $settings */
    private function process(string $code, array $settings = []): string
    {
        $base = ['ack' => 'deferred', 'socket' => $this->sidecar->path, 'timeout_ms' => 5_000, 'on_failure' => 'throw'];
        $this->files->configure('rustecho', $settings + $base);
        $this->files->writeBootstrap();
        $this->files->write('run.php', '<?php require ' . var_export(dirname(__DIR__) . '/bootstrap.php', true) . ';
            $app = require __DIR__ . "/bootstrap/app.php"; $event = ' . self::EVENT . "::class;\n$code");
        $running = new Running([...RealApp::php(), '-d', 'display_errors=0', 'run.php'], $this->files->folder);
        $running->wait(20.0);

        return $running->output();
    }
}
