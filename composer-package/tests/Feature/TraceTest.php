<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastEvent;
use Illuminate\Http\Request;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Queue\Jobs\SyncJob;
use Rustecho\Laravel\Tests\Support\OrderShipped;
use Rustecho\Laravel\Tracing\TraceParent;

/** The traceparent of a request, of the job that it queued, and of OpenTelemetry's span, in the event's frame. */
final class TraceTest extends PublishingTestCase
{
    private const REQUEST = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    private const OTHER = '00-11111111111111111111111111111111-2222222222222222-00';


    public function testAnEventHasTheTraceOfItsRequestAndOtherwiseNone(): void
    {
        $this->request(self::REQUEST);
        event(new OrderShipped(1, 'x'));
        $this->request(null);
        event(new OrderShipped(2, 'x'));

        self::assertSame([self::REQUEST, ''], $this->traces(2));
    }

    public function testAJobHasTheTraceOfTheRequestThatQueuedIt(): void
    {
        $this->request(self::REQUEST);
        $payload = $this->queued();
        $this->request(null);
        self::assertArrayNotHasKey('rustecho_traceparent', json_decode($this->queued(), true));

        $job = new SyncJob($this->app, $payload, 'sync', 'q');
        $this->app['events']->dispatch(new JobProcessing('sync', $job));
        event(new OrderShipped(1, 'x'));
        $this->app['events']->dispatch(new JobProcessed('sync', $job));
        event(new OrderShipped(2, 'x'));

        self::assertSame([self::REQUEST, ''], $this->traces(2));
    }

    /** What a browser sends as a header is nothing to rely on. */
    public function testWhatIsNoTraceparentDoesNotTravel(): void
    {
        $wrong = ['', 'x', self::REQUEST . "\n", strtoupper(self::REQUEST), substr(self::REQUEST, 1),
            'ff' . substr(self::REQUEST, 2), '00-' . str_repeat('0', 32) . substr(self::REQUEST, 35), str_repeat('a', 300)];
        foreach ($wrong as $text) {
            self::assertNull(TraceParent::checked($text), $text);
        }
        self::assertNull(TraceParent::checked([self::REQUEST]));
        self::assertSame(self::OTHER, TraceParent::checked(self::OTHER));
    }

    /**
     * Apart, since the stand-in for OpenTelemetry's class stays.
     *
     * @runInSeparateProcess
     * @preserveGlobalState disabled
     */
    #[\PHPUnit\Framework\Attributes\RunInSeparateProcess]
    #[\PHPUnit\Framework\Attributes\PreserveGlobalState(false)]
    public function testTheCurrentSpanOfOpenTelemetryGoesBeforeTheHeader(): void
    {
        if (class_exists(\OpenTelemetry\API\Trace\Span::class)) {
            self::markTestSkipped('OpenTelemetry itself is here.');
        }
        eval('namespace OpenTelemetry\API\Trace; class Span {
            public static bool $valid = true;
            public static function getCurrent(): self { return new self(); }
            public function getContext(): self { return $this; }
            public function isValid(): bool { return self::$valid; }
            public function getTraceId(): string { return str_repeat("1", 32); }
            public function getSpanId(): string { return str_repeat("2", 16); }
            public function getTraceFlags(): int { return 0; }
        }');
        $this->request(self::REQUEST);
        self::assertSame(self::OTHER, TraceParent::current());
        \OpenTelemetry\API\Trace\Span::$valid = false;
        self::assertSame(self::REQUEST, TraceParent::current());
    }

    private function queued(): string
    {
        $queue = $this->app['queue']->connection('sync');
        $create = new \ReflectionMethod($queue, 'createPayload');
        $create->setAccessible(true);

        return $create->invoke($queue, new BroadcastEvent(new OrderShipped(1, 'x')), 'q');
    }

    private function request(?string $trace): void
    {
        $this->app->instance('request', Request::create('/', 'GET', [], [], [], array_filter(['HTTP_TRACEPARENT' => $trace])));
    }

    /** @return list<string> */
    private function traces(int $count): array
    {
        return array_column($this->sidecar->received('publish', $count), 'trace');
    }
}
