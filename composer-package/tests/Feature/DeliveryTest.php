<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\OrderNamed;
use Rustecho\Laravel\Tests\Support\OrderQueued;
use Rustecho\Laravel\Tests\Support\OrderShipped;
use Rustecho\Laravel\Tests\Support\WaitingJob;

/** Ids that derive from jobs, receipts that are collected later, and events that travel together. */
final class DeliveryTest extends SidecarTestCase
{
    public function testABroadcastThatIsTriedAgainHasTheSameIds(): void
    {
        $this->start();
        $job = new WaitingJob('job-1', BroadcastEvent::class);
        foreach ([1, 2] as $try) {
            $this->app['events']->dispatch(new JobProcessing('database', $job));
            event(new OrderShipped(1, 'x'));
            event(new OrderShipped(1, 'x'));
            event(new OrderShipped(2, 'x'));
            $this->app['events']->dispatch(new JobExceptionOccurred('database', $job, new \RuntimeException()));
        }
        $this->inJob('job-2', BroadcastEvent::class, static fn () => event(new OrderShipped(1, 'x')));

        $ids = array_column($this->sidecar->received('publish', 7), 'id');
        self::assertSame(array_slice($ids, 0, 3), array_slice($ids, 3, 3), 'the second try');
        self::assertCount(3, array_unique(array_slice($ids, 0, 3)), 'three events of one job');
        self::assertNotContains($ids[6], array_slice($ids, 0, 6), 'another job');
    }

    public function testOtherJobsAndNoJobDrawTheirIds(): void
    {
        $this->start();
        foreach ([1, 2] as $try) {
            $this->inJob('job-1', OrderShipped::class, static fn () => event(new OrderShipped(1, 'x')));
            event(new OrderShipped(1, 'x'));
        }
        $outer = new WaitingJob('job-2', BroadcastEvent::class);
        $this->app['events']->dispatch(new JobProcessing('database', $outer));
        $this->inJob('job-3', OrderShipped::class, static fn () => event(new OrderShipped(1, 'x')));
        event(new OrderShipped(1, 'x'));
        $this->app['events']->dispatch(new JobProcessed('database', $outer));

        self::assertCount(6, array_unique(array_column($this->sidecar->received('publish', 6), 'id')));
    }

    public function testDeferredFailuresAreReportedWhenTheRequestEnds(): void
    {
        $this->start(['ack' => 'deferred']);
        $reported = $this->reported();
        broadcast(new OrderShipped(1, 'x'));
        $this->broadcast('refused');
        event(new OrderNamed('refused'));
        self::assertSame([], $reported->getArrayCopy());

        $this->app->terminate();

        self::assertCount(2, $reported);
        $named = 'could not broadcast ' . OrderNamed::class . ' as refused on orders: ';
        self::assertStringContainsString($named, $reported[1]->getMessage());
        self::assertInstanceOf(BroadcastException::class, $reported[0]);
        $says = '/could not broadcast refused on a, b, c and 1 more: .*no good/';
        self::assertMatchesRegularExpression($says, $reported[0]->getMessage());
        self::assertSame([6, 6], [$reported[0]->getCode(), $reported[0]->getPrevious()->getCode()]);
    }

    public function testDeferredFailuresAreReportedAfterEachJob(): void
    {
        $this->start(['ack' => 'deferred']);
        $reported = $this->reported();
        $this->inJob('job-1', OrderShipped::class, fn () => $this->broadcast('refused'));
        self::assertCount(1, $reported);

        Rustecho::collect();
        self::assertCount(1, $reported, 'once');
    }

    public function testAQueuedBroadcastFailsInTimeToBeTriedAgain(): void
    {
        $this->start(['ack' => 'deferred']);
        $this->expectException(BroadcastException::class);

        $this->inJob('job-1', BroadcastEvent::class, fn () => $this->broadcast('refused'));
    }

    public function testABroadcastOnTheSyncQueueIsDeferredAsTheRequestIs(): void
    {
        $this->start(['ack' => 'deferred']);
        $reported = $this->reported();

        broadcast(new OrderQueued('refused'));
        $this->sidecar->received('publish', 1);
        broadcast(new OrderQueued('fine'));
        self::assertCount(0, $reported, 'nobody waits for its receipt');

        $this->app->terminate();
        self::assertCount(1, $reported);
        self::assertStringContainsString(OrderQueued::class, $reported[0]->getMessage());
    }

    public function testABroadcastOnTheSyncQueueIsCollectedWithTheJobThatQueuedIt(): void
    {
        $this->start(['ack' => 'deferred']);
        $reported = $this->reported();
        $this->inJob('job-1', OrderShipped::class, static function () use ($reported): void {
            broadcast(new OrderQueued('refused'));
            self::assertCount(0, $reported);
        });

        self::assertCount(1, $reported);
    }

    public function testEventsTogetherAreAwaitedTogether(): void
    {
        $this->start();
        $result = Rustecho::together(function (): string {
            $this->broadcast('one');
            $this->broadcast('two');
            usleep(30_000);
            self::assertSame([], $this->sidecar->received('publish', 0), 'nothing is written yet');

            return 'done';
        });
        self::assertSame('done', $result);
        self::assertSame(['one', 'two'], array_column($this->sidecar->received('publish', 2), 'event'));

        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('could not broadcast refused');
        Rustecho::together(function (): void {
            $this->broadcast('refused');
            $this->broadcast('three');
        });
    }

    public function testEventsTogetherAreAwaitedTogetherOnASyncQueue(): void
    {
        $this->start();
        $reported = $this->reported();
        Rustecho::together(function (): void {
            broadcast(new OrderQueued('one'));
            broadcast(new OrderQueued('two'));
            usleep(30_000);
            self::assertSame([], $this->sidecar->received('publish', 0), 'nothing is written yet');
        });
        self::assertCount(2, $this->sidecar->received('publish', 2));

        try {
            Rustecho::together(static function (): void {
                broadcast(new OrderQueued('refused'));
                broadcast(new OrderQueued('three'));
            });
        } catch (BroadcastException $error) {
        }
        self::assertStringContainsString(OrderQueued::class, ($error ?? null)?->getMessage() ?? 'nothing was thrown');
        self::assertCount(0, $reported);
    }

    public function testAWorkerThatRunsInBetweenDoesNotCollect(): void
    {
        $this->start();
        $reported = $this->reported();
        $this->expectException(BroadcastException::class);

        Rustecho::together(function () use ($reported): void {
            $this->inJob('job-1', BroadcastEvent::class, fn () => $this->broadcast('refused'));
            usleep(30_000);
            self::assertSame([], $this->sidecar->received('publish', 0), 'nothing is written yet');
            self::assertCount(0, $reported);
        });
    }

    public function testAFailureOfManyEventsTogetherIsThrownThoughItIsKnownBefore(): void
    {
        $this->start();
        $reported = $this->reported();
        try {
            Rustecho::together(function (): void {
                $this->broadcast('refused');
                for ($count = 0; $count < 300; $count++) {
                    $this->broadcast("event $count");
                }
                self::assertNotEmpty($this->sidecar->received('publish', 250), 'some are collected in between');
            });
        } catch (BroadcastException $error) {
        }

        self::assertStringContainsString('could not broadcast refused', ($error ?? null)?->getMessage() ?? 'nothing was thrown');
        self::assertCount(0, $reported);
        Rustecho::together(fn () => $this->broadcast('later'));
        self::assertCount(0, $reported, 'it is thrown once');
    }

    public function testWhatIsThrownBetweenEventsIsNotHiddenByTheirFailure(): void
    {
        $this->start();
        $reported = $this->reported();

        try {
            Rustecho::together(function (): void {
                $this->broadcast('refused');
                throw new \DomainException('the application\'s own');
            });
        } catch (\Throwable $error) {
        }

        self::assertInstanceOf(\DomainException::class, $error ?? null);
        self::assertCount(1, $reported);
        self::assertStringContainsString('could not broadcast refused', $reported[0]->getMessage());
    }

    /** @param array<string, mixed> $settings */
    private function start(array $settings = []): void
    {
        $this->sidecar->start(static function (FakePeer $peer): void {
            while (($publish = $peer->readPublish()) !== null) {
                $publish['event'] === 'refused' || str_contains($publish['data'], '"refused"')
                    ? $peer->refuse($publish, 6, 'the event name is no good')
                    : $peer->receipt($publish);
            }
        });
        $this->boot($settings);
    }

    private function broadcast(string $event): void
    {
        $this->app->make(\Illuminate\Contracts\Broadcasting\Factory::class)
            ->connection('rustecho')->broadcast(['a', 'b', 'c', 'd'], $event, ['n' => 1]);
    }

    private function inJob(string $uuid, string $command, callable $work): void
    {
        $job = new WaitingJob($uuid, $command);
        $this->app['events']->dispatch(new JobProcessing('database', $job));
        $work();
        $this->app['events']->dispatch(new JobProcessed('database', $job));
    }
}
