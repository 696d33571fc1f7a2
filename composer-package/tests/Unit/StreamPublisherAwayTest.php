<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Rustecho\ConnectionFailed;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Timeout;

/** What the pure-PHP client does with events while the sidecar is away, and with those whose receipts come later. */
final class StreamPublisherAwayTest extends StreamPublisherTestCase
{
    public function testAfterAFailureTheSidecarIsLeftAloneForAWhile(): void
    {
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());
        $publisher = $this->publisher(['timeout_ms' => 100, 'breaker_ms' => 16_000]);
        $this->failure(Timeout::class, static fn () => $publisher->publish(['c'], 'e', '1', null));

        $start = hrtime(true);
        $error = $this->failure(ConnectionFailed::class, static fn () => $publisher->publish(['c'], 'e', '2', null));
        $another = $this->publisher(['timeout_ms' => 100, 'breaker_ms' => 16_000]);
        $this->failure(ConnectionFailed::class, static fn () => $another->publish(['c'], 'e', '3', null));

        self::assertLessThan(90, (hrtime(true) - $start) / 1e6, 'the same process does not pay again');
        $says = '/failed shortly before and is asked again in \d+ ms: .*did not answer/';
        self::assertMatchesRegularExpression($says, $error->getMessage());
    }

    public function testWhileTheSidecarIsAwayEventsGoToTheSpoolInTheirOrder(): void
    {
        $folder = $this->spoolFolder();
        $publisher = $this->publisher(['on_failure' => 'spool', 'spool' => $folder]);
        $first = $publisher->publish(['c'], 'e', '"1"', null);
        $publisher->publish(['c'], 'e', '"2"', null, null, 'none');
        $publisher->publish(['c'], 'e', '"3"', null, null, 'deferred');
        $this->sidecar->start(self::answering());
        $behind = $publisher->publish(['c'], 'e', '"4"', null);

        self::assertSame([false, true, true], [$first->accepted, $first->spooled, $behind->spooled]);
        [$file] = glob("$folder/*.spool");
        preg_match_all('/"\d"/', (string) file_get_contents($file), $found);
        self::assertSame(['"1"', '"2"', '"3"', '"4"'], $found[0]);

        unlink($file);
        self::assertTrue($publisher->publish(['c'], 'e', '"5"', null)->accepted);
        rmdir($folder);
    }

    public function testASidecarThatSaysLaterIsLeftAloneAndTheEventSpooled(): void
    {
        $folder = $this->spoolFolder();
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->refuse((array) $peer->readPublish(), 8, 'its clients are coming back');
            $peer->readPublish();
        });
        $publisher = $this->publisher(['on_failure' => 'spool', 'spool' => $folder]);

        self::assertTrue($publisher->publish(['c'], 'e', '1', null)->spooled);
        self::assertSame(0b101, $this->sidecar->received('publish', 1)[0]['flags'], 'the sidecar is told that it can be');
        array_map('unlink', glob("$folder/*.spool"));
        rmdir($folder);
    }

    public function testWhatCannotBeSpooledEitherSaysBoth(): void
    {
        $publisher = $this->publisher(['on_failure' => 'spool', 'spool' => '/nonexistent']);

        $error = $this->failure(ConnectionFailed::class, static fn () => $publisher->publish(['c'], 'e', '1', null));

        $says = '~no connection to .*; and it could not be spooled: .*/nonexistent~';
        self::assertMatchesRegularExpression($says, $error->getMessage());
    }

    public function testDeferredEventsAreWrittenAtOnceAndTheirReceiptsCollectedLater(): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            $peer->receipt((array) $peer->readPublish());
            $peer->refuse((array) $peer->readPublish(), 6, 'the event name is bad');
            $peer->receipt((array) $peer->readPublish());
            $peer->readPublish();
        });
        $publisher = $this->publisher(['ack' => 'deferred']);
        $publisher->publish(['c'], 'e', '1', null);
        $this->sidecar->received('publish', 1);
        $bad = $publisher->publish(['c'], 'e', '2', null);
        $publisher->publish(['c'], 'e', '3', null);

        $report = $publisher->collect();

        self::assertSame([2, 0, 1], [$report['accepted'], $report['spooled'], $report['failed']]);
        self::assertSame([['id' => $bad->id, 'code' => 6, 'message' => 'the event name is bad']], $report['failures']);
        self::assertSame(0, $publisher->collect()['failed']);
    }

    public function testEventsThatTravelTogetherAreWrittenTogether(): void
    {
        $this->sidecar->start(self::answering());
        foreach (['deferred', 'none'] as $count => $ack) {
            $publisher = $this->publisher(['ack' => $ack]);
            foreach (['1', '2', '3'] as $data) {
                $publisher->publish(['c'], 'e', $data, null, null, null, true);
            }
            usleep(50_000);
            self::assertCount(3 * $count, $this->sidecar->received('publish', 0), 'nothing is written before it is asked for');
            $publisher->collect(false);
            $got = array_slice($this->sidecar->received('publish', 3 * $count + 3), 3 * $count);
            self::assertSame(['1', '2', '3'], array_column($got, 'data'));
        }
    }

    public function testDeferredEventsThatNobodyAnswersAreSpooledOrFail(): void
    {
        $folder = $this->spoolFolder();
        $this->sidecar->start(static fn (FakePeer $peer) => $peer->hang());
        $settings = ['ack' => 'deferred', 'timeout_ms' => 200];
        $throwing = $this->publisher($settings);
        $spooling = $this->publisher($settings + ['on_failure' => 'spool', 'spool' => $folder]);
        foreach ([$throwing, $spooling] as $publisher) {
            $publisher->publish(['c'], 'e', '"1"', null);
            $publisher->publish(['c'], 'e', '"2"', null);
        }

        [$failed, $spooled] = [$throwing->collect(), $spooling->collect()];

        self::assertSame([2, 0], [$failed['failed'], $failed['failures'][0]['code']]);
        self::assertSame([0, 2], [$spooled['failed'], $spooled['spooled']]);
        preg_match_all('/"\d"/', (string) file_get_contents(glob("$folder/*.spool")[0]), $found);
        self::assertSame(['"1"', '"2"'], $found[0]);
        array_map('unlink', glob("$folder/*.spool"));
        rmdir($folder);
    }

    private function spoolFolder(): string
    {
        mkdir($folder = "{$this->sidecar->path}.spool", 0700);

        return $folder;
    }
}
