<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Closure;
use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Container\Container;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Notifications\Events\BroadcastNotificationCreated;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Queue\Queue;
use Rustecho\Laravel\Tracing\TraceParent;

/** Tells {@see Delivery} when a request, command or job ends, and which job runs; gives jobs the trace of their request. */
final class Listeners
{
    /** What looks at each job that is queued. */
    private static ?Closure $hook = null;

    public static function register(Application $app): void
    {
        $app->terminating(static fn (Delivery $delivery) => $delivery->collect());
        $events = $app->make('events');
        // The container of this moment: a long-running server clones the application for each request.
        $events->listen(JobProcessing::class, static function (JobProcessing $event): void {
            Container::getInstance()->make(Delivery::class)->job->begin($event->job);
        });
        $ended = static function (JobProcessed|JobExceptionOccurred $event): void {
            Container::getInstance()->make(Delivery::class)->jobEnded($event->job);
        };
        $events->listen(JobProcessed::class, $ended);
        $events->listen(JobExceptionOccurred::class, $ended);
        self::seeJobs();
    }

    /** Belongs to the process, not to an application: but the tests of one take away everybody's callbacks when they end. */
    private static function seeJobs(): void
    {
        if (self::$hook !== null && in_array(self::$hook, self::callbacks(), true)) {
            return;
        }
        self::$hook ??= static function ($connection, $queue, array $payload): array {
            $command = $payload['data']['command'] ?? null;
            QueuedBroadcast::check($command);

            return array_filter([CurrentJob::TRACE => TraceParent::current(), CurrentJob::ORIGIN => self::origin($command)]);
        };
        Queue::createPayloadUsing(self::$hook);
    }

    /** Each try of a notification's job makes a new job of its broadcast, which is to have the same ids. */
    private static function origin(mixed $command): ?string
    {
        $event = $command instanceof BroadcastEvent ? $command->event : null;

        return $event instanceof BroadcastNotificationCreated
            ? Container::getInstance()->make(Delivery::class)->job->origin($event)
            : null;
    }

    /** @return array<mixed> those that the framework has; it does not tell by itself */
    private static function callbacks(): array
    {
        return property_exists(Queue::class, 'createPayloadCallbacks')
            ? Closure::bind(static fn (): array => Queue::$createPayloadCallbacks, null, Queue::class)()
            : [self::$hook];
    }
}
