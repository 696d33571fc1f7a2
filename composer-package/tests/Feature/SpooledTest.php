<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Publishers\Seldom;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Tests\Support\OrderShipped;

/** A setting that names the wrong socket, in a folder that has a spool: every event succeeds, and somebody has to know. */
final class SpooledTest extends SidecarTestCase
{
    private string $socket;

    protected function setUp(): void
    {
        parent::setUp();
        Seldom::forget();
        mkdir("{$this->files->folder}/run/spool", 0700, true);
        $this->socket = "{$this->files->folder}/run/wrong.sock";
    }

    /** @dataProvider transports */
    #[DataProvider('transports')]
    public function testTheLogSaysOnceThatEventsWaitAndWhy(string $transport): void
    {
        $this->boot(['transport' => $transport, 'socket' => $this->socket]);

        foreach ([1, 2, 3] as $order) {
            event(new OrderShipped($order, 'x'));
        }

        $this->assertWarnedOnce();
    }

    /** @dataProvider transports */
    #[DataProvider('transports')]
    public function testAlsoOfEventsThatAreSpooledWhenTheyAreCollected(string $transport): void
    {
        $this->boot(['transport' => $transport, 'socket' => $this->socket]);

        Rustecho::together(function (): void {
            event(new OrderShipped(1, 'x'));
            event(new OrderShipped(2, 'x'));
            self::assertStringNotContainsString('the spool', $this->files->log());
        });

        $this->assertWarnedOnce();
    }

    public function testALogThatCannotBeWrittenFailsNoEvent(): void
    {
        $this->boot(['socket' => $this->socket]);
        $this->app['config']->set('logging.channels.single.path', '/proc/nowhere/laravel.log');

        event(new OrderShipped(1, 'x'));

        self::assertCount(1, glob("{$this->files->folder}/run/spool/*.spool"));
    }

    /** @return array<string, array{string}> */
    public static function transports(): array
    {
        return ['pure PHP' => ['php'], 'what there is' => ['auto']];
    }

    private function assertWarnedOnce(): void
    {
        preg_match_all('/WARNING: rustecho: (.*)/', $this->files->log(), $found);
        self::assertCount(1, $found[1], $this->files->log());
        [$line] = $found[1];
        self::assertStringContainsString("events wait in the spool {$this->files->folder}/run/spool: ", $line);
        self::assertMatchesRegularExpression("~ to the sidecar at $this->socket as user .*(errno|os error) 2\\b~", $line);
        $end = 'See `php artisan rustecho:doctor`. If the sidecar is only restarting, nothing is lost: ';
        self::assertStringContainsString($end, $line);
    }
}
