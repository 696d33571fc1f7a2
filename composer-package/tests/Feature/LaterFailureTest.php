<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Notifications\AnonymousNotifiable;
use Illuminate\Notifications\NotificationServiceProvider;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Rustecho;
use Rustecho\Laravel\Tests\Support\LetterSent;
use Rustecho\Laravel\Tests\Support\OrderNamed;
use Rustecho\Laravel\Tests\Support\OrderShipped;

/** What is said of an event when its call is over names the class that the application has made, as what is said at once does. */
final class LaterFailureTest extends SidecarTestCase
{
    /** @dataProvider events */
    #[DataProvider('events')]
    public function testOfThePolicyLog(callable $send, string $named): void
    {
        $this->begin(['on_failure' => 'log']);
        $send();

        self::assertStringContainsString("rustecho dropped $named", $this->files->log());
    }

    /** @dataProvider events */
    #[DataProvider('events')]
    public function testOfADeferredEvent(callable $send, string $named): void
    {
        $this->begin(['on_failure' => 'throw', 'ack' => 'deferred']);
        $reported = $this->reported();
        try {
            $send();
        } catch (BroadcastException $error) {
            $reported->append($error); // the extension knows it at once
        }
        $this->app->terminate();

        self::assertStringStartsWith("rustecho could not broadcast $named", $reported[0]->getMessage());
    }

    /** @dataProvider events */
    #[DataProvider('events')]
    public function testOfEventsTogether(callable $send, string $named): void
    {
        $this->begin(['on_failure' => 'throw']);
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage("rustecho could not broadcast $named");

        Rustecho::together($send);
    }

    /** @return array<string, array{callable(): mixed, string}> */
    public static function events(): array
    {
        $notify = static fn () => (new AnonymousNotifiable())->notifyNow(new LetterSent('x'));

        return [
            'a notification' => [$notify, LetterSent::class . ' as '],
            'a name like a class' => [
                static fn () => event(new OrderNamed('Old\Name')), OrderNamed::class . ' as Old\Name on orders: ',
            ],
            'a class' => [static fn () => event(new OrderShipped(1, 'x')), OrderShipped::class . ' on private-orders.1, '],
        ];
    }

    /** @param array<string, mixed> $settings */
    private function begin(array $settings): void
    {
        $this->boot($settings + ['timeout_ms' => 200], [NotificationServiceProvider::class]);
    }
}
