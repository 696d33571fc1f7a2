<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use Rustecho\Laravel\Tests\Support\RealApp;
use Rustecho\Laravel\Tests\Support\RealSidecar;

/** Workers that go on and on: no growth, no state of one request in the next, and forks. RUSTECHO_TEST_JOBS sets how long. */
final class LongLifeTest extends BehaviourTestCase
{
    private const JOBS = 5_000;
    private const JOBS_OF_THE_EXTENSION = 10_000;
    private const REQUESTS = 2_000;
    /** More than the noise, and less than 250 bytes for each job or request. */
    private const GROWTH_KILOBYTES = 500;

    public function testAQueueWorkerDoesNotGrow(): void
    {
        $jobs = (int) (getenv('RUSTECHO_TEST_JOBS') ?: (extension_loaded('rustecho') ? self::JOBS_OF_THE_EXTENSION : self::JOBS));
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

    public function testAWorkerReportsAfterEachJobWhatCameOfItsDeferredEvents(): void
    {
        $log = self::$app->folder . '/storage/logs/laravel.log';
        $hung = (new RealSidecar())->start();
        $hung->process()->signal(SIGSTOP);
        self::$app->artisan(['test:run', 'job'], self::env());
        self::$app->artisan(['test:run', 'job'], self::env());
        $before = (int) @filesize($log);

        [$status, $output] = self::$app->artisan(['queue:work', '--stop-when-empty', '--tries=1'], self::env([
            'RUSTECHO_SOCKET' => $hung->socket, 'RUSTECHO_ACK' => 'deferred', 'RUSTECHO_ON_FAILURE' => 'throw',
            'RUSTECHO_TIMEOUT_MS' => '200', 'RUSTECHO_BREAKER_MS' => '0',
        ]));
        $hung->process()->signal(SIGCONT);
        $hung->stop();

        self::assertSame(0, $status, $output);
        preg_match_all(
            '/a job (?:begins|ends)|ERROR: rustecho could not broadcast \S+ShippedNow on orders/',
            (string) file_get_contents($log, offset: $before),
            $lines,
        );
        $oneJob = ['a job begins', 'a job ends', 'ERROR: rustecho could not broadcast App\Events\ShippedNow on orders'];
        self::assertSame([...$oneJob, ...$oneJob], $lines[0]);
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

    /** As `php artisan test --parallel` runs them: several processes of one application at once, each with its own fake. */
    public function testParallelProcessesOfOneApplication(): void
    {
        $visitor = $this->visitor(['orders']);
        $numbers = [1, 2, 3, 4];
        $processes = [];
        foreach ($numbers as $number) {
            $command = [...RealApp::php(), 'artisan', 'test:parallel', '4', (string) $number];
            $env = ['LARAVEL_PARALLEL_TESTING' => '1', 'TEST_TOKEN' => (string) $number];
            $processes[$number] = self::$app->start($command, self::env($env));
        }
        foreach ($processes as $number => $process) {
            self::assertSame(0, $process->wait(), $process->output());
            self::assertSame([100 + $number], json_decode($process->output()), 'each fake has its own event alone');
        }
        $heard = array_map(fn (): int => $this->hears($visitor, 'order.renamed', 'orders')['number'], $numbers);
        self::$site->run('renamed');

        self::assertEqualsCanonicalizing($numbers, $heard, 'what is not faked arrives');
        self::assertSame(7, $this->hears($visitor, 'order.renamed', 'orders')['number'], 'what is faked does not');
        $visitor->close();
    }

    public function testALongRunningServerKeepsNothingOfARequest(): void
    {
        $sender = $this->visitor(['orders']);
        // Not as an argument: a socket's id may begin with a dash.
        $arguments = ['test:serve', (string) self::REQUESTS, '--socket=' . $sender->socketId()];
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
