<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Container\Container;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Queue\Queue;
use Rustecho\Laravel\Tracing\TraceParent;

/** Tells {@see Delivery} when a request, command or job ends, and which job runs; gives jobs the trace of their request. */
final class Listeners
{
    private static bool $jobsAreSeen = false;

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
        if (! self::$jobsAreSeen) {
            // Belongs to the process, not to this application.
            self::$jobsAreSeen = true;
            Queue::createPayloadUsing(static function ($connection, $queue, array $payload): array {
                QueuedBroadcast::check($payload['data']['command'] ?? null);

                return array_filter([CurrentJob::TRACE => TraceParent::current()]);
            });
        }
    }
}
