<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

/** Workers that go on and on: no growth, no state of one request in the next, and forks. RUSTECHO_TEST_JOBS sets how long. */
final class LongLifeTest extends BehaviourTestCase
{
    private const JOBS = 5_000;
    private const REQUESTS = 2_000;
    /** More than the noise, and less than 250 bytes for each job or request. */
    private const GROWTH_KILOBYTES = 500;

    public function testAQueueWorkerDoesNotGrow(): void
    {
        $jobs = (int) (getenv('RUSTECHO_TEST_JOBS') ?: self::JOBS);
        $watch = self::$app->folder . '/storage/watch';
        self::assertSame(0, self::$app->artisan(['test:fill', (string) $jobs], self::env(), 60 + $jobs / 100)[0]);

        $command = ['queue:work', '--stop-when-empty', '--tries=1', '--quiet'];
        [$status, $output] = self::$app->artisan($command, self::env(['TEST_WATCH_FILE' => $watch]), 60 + $jobs / 20);

        self::assertSame(0, $status, $output);
        $lines = array_map(static fn (string $line): array => array_map('intval', explode(' ', $line)), file($watch));
        [$done, $failed, $last] = end($lines);
        self::assertSame([intdiv($jobs, 1_000) * 1_000, 0], [$done, $failed]);
        // In the first 3,000 jobs SQLite fills its cache.
        $before = $lines[intdiv(count($lines), 2)][2];
        self::assertLessThan(self::GROWTH_KILOBYTES, $last - $before, 'kilobytes in the second half of the jobs');
    }

    public function testAForkPublishesOnAConnectionOfItsOwn(): void
    {
        $visitor = $this->visitor(['orders']);

        [$status, $output] = self::$app->artisan(['test:fork'], self::env());

        self::assertSame([0, '[9,9]'], [$status, trim($output)]);
        $numbers = [];
        for ($count = 1; $count <= 4; $count++) {
            $numbers[] = $this->hears($visitor, 'order.renamed', 'orders')['number'];
        }
        self::assertSame([1, 4], [$numbers[0], $numbers[3]], 'the parent before and after its children');
        self::assertEqualsCanonicalizing([1, 2, 3, 4], $numbers, 'each event arrives once');
        $visitor->close();
    }

    public function testALongRunningServerKeepsNothingOfARequest(): void
    {
        $sender = $this->visitor(['orders']);
        $arguments = ['test:serve', (string) self::REQUESTS, $sender->socketId()];
        $token = ['RUSTECHO_AUTH_MIDDLEWARE' => 'auth:api'];

        [$status, $output] = self::$app->artisan($arguments, self::env($token));

        self::assertSame(0, $status, $output);
        $tally = json_decode($output, true);
        $half = intdiv(self::REQUESTS, 2);
        self::assertSame([$half, $half, 0], [$tally['granted'], $tally['denied'], $tally['other']]);
        // Laravel's guards stay with the request they were made for, about 2 KB each time, whatever the driver.
        $without = ['BROADCAST_DRIVER' => 'null', 'BROADCAST_CONNECTION' => 'null'];
        $laravels = json_decode(self::$app->artisan($arguments, self::env($token + $without))[1], true);
        $growth = static fn (array $tally): int => $tally['kilobytes'][3] - $tally['kilobytes'][0];
        self::assertLessThan(self::GROWTH_KILOBYTES, $growth($tally) - $growth($laravels));
        self::$site->run('renamed');
        $heard = 0;
        $sender->waitFor(static function (array $event) use (&$heard): bool {
            $heard += (int) str_ends_with($event[0], 'ShippedNow');

            return $event[0] === 'order.renamed';
        });
        self::assertSame($half, $heard, 'only the events that left nobody out');
        $sender->close();
    }
}
