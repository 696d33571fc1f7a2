<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Config\Repository;
use Illuminate\Foundation\Events\DiagnosingHealth;
use Laravel\Pulse\Pulse;
use PHPUnit\Framework\Attributes\PreserveGlobalState;
use PHPUnit\Framework\Attributes\RunTestsInSeparateProcesses;
use Rustecho\Laravel\Events\EventPublished;
use Rustecho\Laravel\Events\PublishFailed;
use Rustecho\Laravel\Health\DiagnoseRustecho;
use Rustecho\Laravel\Health\RustechoCheck;
use Rustecho\Laravel\Health\SidecarHealth;
use Rustecho\Laravel\Pulse\Card;
use Rustecho\Laravel\Pulse\Publishes;
use Rustecho\Laravel\Tests\Support\FakePeer;

/**
 * What is there for Pulse, spatie/laravel-health and `/up`. The two packages are stand-ins: see tests/Support/Packages.
 *
 * @runTestsInSeparateProcesses
 * @preserveGlobalState disabled
 */
#[RunTestsInSeparateProcesses]
#[PreserveGlobalState(false)]
final class IntegrationsTest extends SidecarTestCase
{
    public function testHealthSaysWhetherTheSidecarAnswersAndTheSpoolIsDrained(): void
    {
        $health = $this->health();
        self::assertSame(['failed', true], [$health->check()->status, $health->check()->isFailed()]);
        self::assertStringContainsString('wait in the spool', $health->check()->message);

        $this->sidecar->start(static fn (FakePeer $peer) => $peer->readPublish());
        $found = $health->check();
        self::assertSame(['ok', 'The sidecar 0.1.0 answers.'], [$found->status, $found->message]);
        self::assertSame('0.1.0', $found->about['sidecar']);

        touch("{$this->files->folder}/old.spool", time() - 300);
        self::assertMatchesRegularExpression('/wait in .* for 30\d s/', $health->check()->message);
    }

    public function testHealthNamesAWrongSetting(): void
    {
        self::assertStringContainsString('"timeout_ms"', $this->health(['timeout_ms' => 'soon'])->check()->message);
        self::assertSame('warning', $this->health(['transport' => 'null'])->check()->status);
    }

    public function testUpFailsWhileTheSidecarIsAwayIfTheApplicationWantsThat(): void
    {
        class_exists(DiagnosingHealth::class) || eval('namespace Illuminate\Foundation\Events; class DiagnosingHealth {}');
        $this->health();
        event(new DiagnosingHealth());
        $this->health(['health' => ['up' => true]]);
        $this->expectExceptionMessage('rustecho: no connection to the sidecar');
        event(new DiagnosingHealth());
    }

    public function testTheCheckForSpatiesPackageSaysTheSame(): void
    {
        require_once __DIR__ . '/../Support/Packages/health.php';
        $this->health();
        $away = (new RustechoCheck())->run();
        self::assertSame(['failed', 'no answer'], [$away->status, $away->summary]);
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->readPublish());
        $there = (new RustechoCheck())->run();
        self::assertSame(['ok', '0.1.0'], [$there->status, $there->meta['sidecar']]);
    }

    public function testPulseRecordsCountSlowestSpooledAndFailed(): void
    {
        require_once __DIR__ . '/../Support/Packages/pulse.php';
        $settings = ['sample_rate' => 1, 'ignore' => ['/^Hidden/']];
        $config = new Repository(['pulse' => ['recorders' => [Publishes::class => $settings]]]);
        $recorder = new Publishes($pulse = new Pulse(), $config);
        foreach ($recorder->listen as $class) {
            self::assertTrue(class_exists($class), $class);
        }
        $recorder->record(new EventPublished(['private-orders.17'], 'Shipped', 9, null, '', 1, true, false, false, 0.25));
        $recorder->record(new EventPublished(['orders.1', 'orders.2'], 'Shipped', 9, null, '', null, false, true, false, 1.0));
        $recorder->record(new PublishFailed(['room.a'], 'Shipped', 9, 'away', new \RuntimeException('away'), 1.0));
        $recorder->record(new EventPublished(['c'], 'HiddenThing', 9, null, '', 1, true, false, false, 0.25));

        $seen = array_map(static fn ($entry) => [$entry->type, $entry->key, $entry->value, $entry->aggregates], $pulse->entries);
        self::assertSame([
            ['rustecho_published', '["Shipped","private-orders.*"]', 250, ['max', 'count']],
            ['rustecho_published', '["Shipped","orders.*"]', 1000, ['max', 'count']],
            ['rustecho_spooled', '["Shipped","orders.*"]', null, ['count']],
            ['rustecho_failed', '["Shipped","room.a"]', null, ['count']],
        ], $seen);
    }

    public function testChannelsOfOneKindAreOneLineInPulse(): void
    {
        $kinds = static fn (string ...$channels): string => json_decode(Publishes::key('e', $channels))[1];
        self::assertSame('chat.*.user.*', $kinds('chat.12.user.0af76519-16cd-43dd-8448-eb211c80319c'));
        self::assertSame('private-App.Models.User.*', $kinds('private-App.Models.User.01ARZ3NDEKTSV4RRFFQ69G5FAV'));
        self::assertSame('v2-news, a, b, …', $kinds('v2-news', 'a', 'b', 'c', 'd'));
    }

    public function testTheCardPutsTheNumbersOfAnEventTogether(): void
    {
        require_once __DIR__ . '/../Support/Packages/pulse.php';
        $this->health();
        $row = static fn (string $key, ?int $count, ?int $max = null): object => (object) compact('key', 'count', 'max');
        $card = new Card();
        $card->recorded = [
            Publishes::PUBLISHED => [$row('["A","x"]', 2, 900), $row('["B","y"]', 5, 100)],
            Publishes::FAILED => [$row('["C","z"]', 3), $row('["A","x"]', 1)],
            Publishes::SPOOLED => [$row('["B","y"]', 4)],
        ];
        $lines = static function () use ($card): array {
            $rows = $card->render()->getData()['publishes'];

            return $rows->map(fn ($row) => [$row->event, $row->count, $row->slowest, $row->failed, $row->spooled])->all();
        };
        self::assertSame([['B', 5, 100, 0, 4], ['A', 2, 900, 1, 0], ['C', 0, null, 3, 0]], $lines());
        self::assertStringContainsString('0.90 ms', $this->html($card));
        $card->orderBy = 'failed';
        self::assertSame('C', $lines()[0][0]);
        $card->orderBy = 'anything';
        self::assertSame('B', $lines()[0][0]);
    }

    /** The card's view, with Pulse's components replaced by such as show what is in them. */
    private function html(Card $card): string
    {
        $folder = "{$this->files->folder}/pulse/components";
        mkdir("$folder/icons", 0777, true);
        $names = ['card', 'card-header', 'icons/rocket-launch', 'select', 'scroll', 'no-results', 'table', 'thead', 'th', 'td'];
        foreach ($names as $name) {
            $shown = '<i>{{ $icon ?? "" }}{{ $actions ?? "" }}{{ $slot }}</i>';
            file_put_contents("$folder/$name.blade.php", $shown);
        }
        // Blade looks there for the application's own components.
        $this->files->write('composer.json', '{"autoload": {"psr-4": {"App\\\\": "app/"}}}');
        app('view')->addNamespace('pulse', dirname($folder));

        return $card->render()->with(['cols' => 6, 'rows' => null, 'class' => '', 'expand' => false])->render();
    }

    /** @param array<string, mixed> $settings */
    private function health(array $settings = []): SidecarHealth
    {
        $this->boot($settings + ['transport' => 'php', 'spool' => $this->files->folder]);

        return $this->app->make(SidecarHealth::class);
    }
}
