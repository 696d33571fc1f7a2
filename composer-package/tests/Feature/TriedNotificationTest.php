<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Contracts\Bus\Dispatcher;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Notifications\AnonymousNotifiable;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Notifications\Events\NotificationSending;
use Illuminate\Notifications\Events\NotificationSent;
use Illuminate\Notifications\NotificationServiceProvider;
use Illuminate\Notifications\SendQueuedNotifications;
use Illuminate\Queue\WorkerOptions;
use Illuminate\Support\Collection;
use Illuminate\Support\Facades\Notification;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Tests\Support\LetterSent;
use Rustecho\Laravel\Tests\Support\LetterTried;

/** A queued notification whose job is tried again is one event to the sidecar, however its broadcast gets there. */
final class TriedNotificationTest extends PublishingTestCase
{
    private bool $fails = true;

    protected function setUp(): void
    {
        parent::setUp();
        $this->app['config']->set([
            'database.default' => 'memory',
            'database.connections.memory' => ['driver' => 'sqlite', 'database' => ':memory:'],
            'queue.connections.database' => [
                'driver' => 'database', 'table' => 'jobs', 'queue' => 'default', 'retry_after' => 90,
            ],
        ]);
        $this->app['db']->connection()->getSchemaBuilder()->create('jobs', static function (Blueprint $table): void {
            $table->bigIncrements('id');
            $table->string('queue');
            $table->longText('payload');
            $table->unsignedTinyInteger('attempts');
            $table->unsignedInteger('reserved_at')->nullable();
            $table->unsignedInteger('available_at');
            $table->unsignedInteger('created_at');
        });
        $this->app['events']->listen(NotificationSent::class, function (): void {
            if ($this->fails) {
                throw new \RuntimeException('after the broadcast');
            }
        });
    }

    protected static function providers(): array
    {
        return [NotificationServiceProvider::class];
    }

    /** @dataProvider connections */
    #[DataProvider('connections')]
    public function testThreeTriesAreOneEvent(string $connection): void
    {
        self::to('a')->notify(new LetterTried($connection));
        $this->work();

        self::assertSame([3], array_values(array_count_values($this->ids(3))));
    }

    /** @dataProvider connections */
    #[DataProvider('connections')]
    public function testWhatIsSentTwiceOrToSeveralIsEmittedForEach(string $connection): void
    {
        $letter = new LetterTried($connection);
        $fixed = new LetterTried($connection, 'always the same');
        self::to('a')->notify($letter);
        self::to('a')->notify($letter);
        self::to('a')->notify($fixed);
        self::to('a')->notify($fixed);
        Notification::send([self::to('b'), self::to('c')], $letter);
        Notification::send([self::to('b'), self::to('c')], $fixed);
        $this->work();

        self::assertSame(array_fill(0, 8, 3), array_values(array_count_values($this->ids(24))));
    }

    /** @dataProvider connections */
    #[DataProvider('connections')]
    public function testOneJobForSeveralIsEmittedForEach(string $connection): void
    {
        $this->fails = false;
        $job = new SendQueuedNotifications(
            new Collection([self::to('b'), self::to('c')]),
            new LetterTried($connection, 'always the same'),
            ['broadcast'],
        );
        $this->app['queue']->connection('database')->push($job);
        $this->work();

        self::assertCount(2, array_unique($this->ids(2)));
    }

    /** @return array<string, array{string}> of the broadcast */
    public static function connections(): array
    {
        return ['at once' => ['sync'], 'a job of its own' => ['database']];
    }

    public function testWhatElseTheJobSendsIsEmittedWithEachTry(): void
    {
        $this->app['events']->forget(NotificationSent::class);
        $this->app['events']->listen(NotificationSent::class, static function (NotificationSent $sent): void {
            if ($sent->notification instanceof LetterTried) {
                self::to('b')->notifyNow(new LetterSent('another'));
                throw new \RuntimeException('after both');
            }
        });
        self::to('a')->notify(new LetterTried('sync'));
        $this->work();

        $counts = array_values(array_count_values($this->ids(6)));
        sort($counts);
        self::assertSame([1, 1, 1, 3], $counts);
    }

    /** As a newer Laravel does where the notification's shouldBroadcastNow() says so. */
    public function testThreeTriesAreOneEventWithoutAJobForTheBroadcast(): void
    {
        $this->app['events']->listen(NotificationSending::class, function (NotificationSending $sending): void {
            $event = new BroadcastNotificationCreated($sending->notifiable, $sending->notification, []);
            $this->app->make(Dispatcher::class)->dispatchNow(new BroadcastEvent($event));
            throw new \RuntimeException('after the broadcast');
        });
        self::to('a')->notify(new LetterTried('sync'));
        $this->work();

        self::assertSame([3], array_values(array_count_values($this->ids(3))));
    }

    private static function to(string $name): AnonymousNotifiable
    {
        return (new AnonymousNotifiable())->route('name', $name);
    }

    private function work(): void
    {
        $reported = $this->reported();
        $options = new WorkerOptions();
        [$options->maxTries, $options->sleep] = [3, 0];
        while ($this->app['queue']->connection('database')->size() > 0) {
            $this->app['queue.worker']->runNextJob('database', 'default', $options);
        }
        foreach ($reported as $error) {
            self::assertStringStartsWith('after ', $error->getMessage());
        }
    }

    /** @return list<string> */
    private function ids(int $count): array
    {
        return array_column($this->sidecar->received('publish', $count), 'id');
    }
}
