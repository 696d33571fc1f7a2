<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use App\Events\Renamed;
use App\Events\Rescued;
use App\Events\Shipped;
use App\Events\ShippedNow;
use App\Events\Stubborn;
use App\Notifications\LetterArrived;
use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\RealSite;
use Rustecho\Laravel\Tests\Support\Wait;

/** Every way in which Laravel broadcasts, as it arrives at a subscriber. */
final class PublishingTest extends BehaviourTestCase
{
    private const NOW = ['order' => 7, 'title' => 'größer /x'];

    public function testAnEventForNowArrivesOnEachOfItsChannels(): void
    {
        $ada = $this->visitor(['orders', 'private-people.7', 'presence-room'], self::$site->login(7));

        self::$site->run('now');

        foreach (['orders', 'private-people.7', 'presence-room'] as $channel) {
            self::assertSame(self::NOW, $this->data($ada, ShippedNow::class, $channel));
        }
        $ada->close();
    }

    public function testAQueuedEventArrivesWhenAWorkerTakesIt(): void
    {
        $visitor = $this->visitor(['orders']);
        self::$site->run('queued');
        self::$site->run('renamed');
        $first = $visitor->waitFor(static fn (array $event): bool => true);
        self::assertSame('order.renamed', $first[0], 'an event for now overtakes one in the queue');

        [$status, $output] = self::$app->artisan(['queue:work', '--once'], self::env());

        self::assertSame(0, $status, $output);
        self::assertSame(['order' => 1], $this->data($visitor, Shipped::class, 'orders'));
        $visitor->close();
    }

    public function testAJobThatIsTriedThreeTimesIsEmittedOnce(): void
    {
        $visitor = $this->visitor(['orders']);
        self::$site->run('stubborn');

        self::$app->artisan(['queue:work', '--stop-when-empty', '--sleep=0'], self::env());
        self::$site->run('renamed');

        self::assertCount(3, (array) file(self::$app->folder . '/storage/tries'));
        $heard = [];
        $visitor->waitFor(static function (array $event) use (&$heard): bool {
            $heard[] = $event[0];

            return $event[0] === 'order.renamed';
        });
        self::assertSame([Stubborn::class, 'order.renamed'], $heard);
        $visitor->close();
    }

    public function testToOthersLeavesItsSenderOut(): void
    {
        $sender = $this->visitor(['orders']);
        $other = Browser::open(self::$sidecar->url, [], 20.0);
        $other->subscribe('orders');
        self::$sidecar->hasSubscribers('orders', 2);

        self::$site->run('others', ['X-Socket-ID' => $sender->socketId()]);
        self::$site->run('renamed');

        self::assertSame(self::NOW, $this->data($other, ShippedNow::class, 'orders'));
        $first = $sender->waitFor(static fn (array $event): bool => true);
        self::assertSame('order.renamed', $first[0], 'the sender hears of the next event first');
        $sender->close();
        $other->close();
    }

    public function testNameAndDataCanBeChosen(): void
    {
        $visitor = $this->visitor(['orders']);

        self::$site->run('renamed');

        $data = $this->data($visitor, 'order.renamed', 'orders');
        self::assertSame(['number' => 7, 'parts' => ['a' => null, 'b' => 1.5]], $data);
        $visitor->close();
    }

    public function testOneEventCanChooseRustecho(): void
    {
        $visitor = $this->visitor(['orders']);
        $site = new RealSite(self::$app, self::env(['BROADCAST_DRIVER' => 'log', 'BROADCAST_CONNECTION' => 'log']));

        $site->run('now');
        $site->run('via');
        $site->run(self::laravel() >= 13 ? 'via-enum' : 'via');

        $this->data($visitor, ShippedNow::class, 'orders');
        $this->data($visitor, ShippedNow::class, 'orders');
        self::$site->run('renamed');
        $next = $visitor->waitFor(static fn (array $event): bool => true);
        self::assertSame('order.renamed', $next[0], 'two of the three events came here');
        $site->stop();
        $visitor->close();
    }

    public function testANotificationArrives(): void
    {
        $ada = $this->visitor(['private-people.7'], self::$site->login(7));

        self::$site->run('notification');

        $event = 'Illuminate\Notifications\Events\BroadcastNotificationCreated';
        $data = $this->data($ada, $event, 'private-people.7');
        self::assertSame(['Ada', LetterArrived::class], [$data['from'], $data['type']]);
        $ada->close();
    }

    public function testAModelBroadcastsItsChanges(): void
    {
        $ada = $this->visitor(['private-posts.3'], self::$site->login(7));

        self::$site->run('model');
        self::$app->artisan(['queue:work', '--stop-when-empty'], self::env());

        $data = $this->data($ada, 'PostUpdated', 'private-posts.3');
        self::assertSame(3, $data['model']['id']);
        self::assertStringStartsWith('changed ', $data['model']['title']);
        $ada->close();
    }

    public function testAnAnonymousEventArrives(): void
    {
        if (self::laravel() < 11) {
            self::assertFalse(method_exists(\Illuminate\Broadcasting\BroadcastManager::class, 'on'));

            return;
        }
        $visitor = $this->visitor(['orders']);

        self::$site->run('anonymous');

        self::assertSame(['n' => 1], $this->data($visitor, 'order.anonymous', 'orders'));
        $visitor->close();
    }

    public function testAFailureEndsTheRequestUnlessTheEventIsToBeRescued(): void
    {
        $dead = new RealSite(self::$app, self::env(['RUSTECHO_SOCKET' => '/nowhere/rustecho.sock']));

        $failed = Http::request('GET', "$dead->url/run/now", ['Accept' => 'application/json'], '', 20.0);

        self::assertSame(500, $failed['status']);
        self::assertStringContainsString('rustecho could not broadcast', $failed['body']);
        self::assertStringContainsString('rustecho:doctor', $failed['body']);
        if (self::laravel() >= 12) {
            $dead->run('rescued');
            $log = (string) file_get_contents(self::$app->folder . '/storage/logs/laravel.log');
            self::assertStringContainsString(addslashes(Rescued::class), addslashes($log));
        }
        $dead->stop();
    }

    public function testARequestThatExitsLeavesNoDeferredEventBehind(): void
    {
        $log = self::$app->folder . '/storage/logs/laravel.log';
        $before = (int) @filesize($log);
        $hung = (new RealSidecar())->start();
        $hung->process()->signal(SIGSTOP);
        $site = new RealSite(self::$app, self::env([
            'RUSTECHO_SOCKET' => $hung->socket, 'RUSTECHO_ACK' => 'deferred', 'RUSTECHO_ON_FAILURE' => 'log',
            'RUSTECHO_TIMEOUT_MS' => '200',
        ]));

        $site->run('exit');

        $dropped = static fn (): bool => str_contains(
            (string) @file_get_contents($log, offset: $before),
            'rustecho dropped ' . ShippedNow::class . ' on orders',
        );
        Wait::until($dropped, 'the log says what became of the event');
        $site->stop();
        $hung->process()->signal(SIGCONT);
        $hung->stop();
        self::assertTrue($dropped());
    }

    public function testEitherNameOfTheSwitchIsEnough(): void
    {
        $names = ['BROADCAST_CONNECTION', 'BROADCAST_DRIVER'];
        $names = self::laravel() >= 11 ? $names : array_reverse($names);
        $visitor = $this->visitor(['orders']);

        [$status, $output] = self::$app->artisan(['test:run', 'now'], self::env([$names[0] => 'rustecho', $names[1] => 'log']));

        self::assertSame(0, $status, $output);
        $this->data($visitor, ShippedNow::class, 'orders');
        $visitor->close();
    }

    private function data(Browser $browser, string $event, string $channel): mixed
    {
        return $this->hears($browser, $event, $channel);
    }
}
