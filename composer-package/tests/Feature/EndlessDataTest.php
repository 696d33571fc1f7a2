<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Notifications\NotificationServiceProvider;
use Illuminate\Support\Collection;
use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Delivery\EndlessCollection;
use Rustecho\Laravel\Tests\Support\LetterQueued;
use Rustecho\Laravel\Tests\Support\OrderQueued;
use Rustecho\Laravel\Tests\Support\OrderWith;

/** Collections that contain themselves, of which the process would die. */
final class EndlessDataTest extends PublishingTestCase
{
    private const CHILD_S = 30;

    protected static function providers(): array
    {
        return [NotificationServiceProvider::class];
    }

    /** @dataProvider endless */
    #[DataProvider('endless')]
    public function testACollectionThatContainsItselfIsSaidToBeSo(string $event, string $class, string $on, string $data): void
    {
        $says = $this->inAChild($event, $data);

        self::assertStringStartsWith("rustecho could not broadcast $class on $on: its ", $says);
        self::assertStringContainsString('recursion', $says);
    }

    /** @return array<string, array{string, string, string, string}> */
    public static function endless(): array
    {
        $cases = [];
        $events = [
            'at once' => ['event(new ' . OrderWith::class . '($data));', OrderWith::class, 'orders'],
            'queued' => ['event(new ' . OrderQueued::class . '($data));', OrderQueued::class, 'orders'],
            'a notification' => [
                '(new Illuminate\Notifications\AnonymousNotifiable())->notify(new ' . LetterQueued::class . '($data));',
                LetterQueued::class, 'private-people.9',
            ],
        ];
        foreach ($events as $name => $event) {
            $cases["$name, itself"] = [...$event, '$c'];
            $cases["$name, by another"] = [...$event, 'new Illuminate\Support\Collection([$c])'];
            $cases["$name, in an array"] = [...$event, '[1, ["a" => [$c]]]'];
            $cases["$name, in an object"] = [...$event, '(object) ["a" => [$c]]'];
        }

        return $cases;
    }

    public function testOneThatIsThereTwiceIsNone(): void
    {
        $twice = new Collection([1]);
        $data = new Collection([$twice, $twice, [$twice], (object) ['a' => $twice]]);

        event(new OrderWith($data));
        event(new OrderQueued($data));

        $got = array_column($this->sidecar->received('publish', 2), 'data');
        self::assertSame(['{"data":[[1],[1],[[1]],{"a":[1]}]}', '{"title":[[1],[1],[[1]],{"a":[1]}]}'], $got);
    }

    public function testWhatJsonSeesByItselfIsSaidAsBefore(): void
    {
        $collection = new Collection();
        $collection->push([$collection]);
        $this->expectException(BroadcastException::class);
        $this->expectExceptionMessage('Recursion detected');

        event(new OrderWith($collection));
    }

    public function testLargeDataIsNotLookedThrough(): void
    {
        $rows = array_fill(0, 100_000, ['a' => ['b' => 1]]);
        $start = hrtime(true);
        self::assertFalse(EndlessCollection::isIn(['rows' => $rows, 'more' => new Collection($rows)]));

        self::assertLessThan(50, (hrtime(true) - $start) / 1e6);
    }

    /** @return string what it says of the exception, or how it has ended */
    private function inAChild(string $event, string $data): string
    {
        $bootstrap = var_export(dirname(__DIR__) . '/bootstrap.php', true);
        $folder = var_export($this->files->folder, true);
        $providers = var_export(static::providers(), true);
        $code = "require $bootstrap;
            (new Rustecho\\Laravel\\Tests\\Support\\TestApp($folder))->boot($providers);
            \$c = new Illuminate\\Support\\Collection();
            \$c->push(new Illuminate\\Support\\Collection([1, \$c]));
            \$data = $data;
            try { $event echo 'nothing was thrown'; }
            catch (Illuminate\\Broadcasting\\BroadcastException \$error) { echo \$error->getMessage(); }";
        $command = ['timeout', (string) self::CHILD_S, PHP_BINARY, '-d', 'memory_limit=128M', '-r', $code];
        $child = proc_open($command, [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
        $says = stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]);
        $status = proc_close($child);

        return $status === 0 ? $says : "it has ended with $status: $says";
    }
}
