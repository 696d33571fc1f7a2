<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Tests\Support\Scratch;
use Rustecho\Laravel\Wire\Deadline;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Laravel\Wire\Spool;
use Rustecho\Laravel\Wire\SpoolFailed;

/** The pure-PHP client's end of the spool. That the sidecar drains it is tested with the real one. */
final class SpoolTest extends TestCase
{
    private const GOLDEN = __DIR__ . '/../../../wire/tests/golden/two-events.spool';

    private string $folder;

    protected function setUp(): void
    {
        $this->folder = Scratch::path('spool');
        mkdir($this->folder, 0700);
    }

    protected function tearDown(): void
    {
        array_map('unlink', $this->files());
        @rmdir($this->folder);
    }

    public function testRecordsAreByteForByteWhatTheSidecarReads(): void
    {
        if (! is_file(self::GOLDEN)) {
            self::markTestSkipped('skipped: the golden file is in the project\'s repository, not in the package alone');
        }
        $frame = static fn (int $n, string $data): string => Frame::publish(str_repeat(chr($n), 16), ['c'], 'e', $data);
        $bytes = Spool::MAGIC
            . Spool::record(1_700_000_000_123_456, $frame(1, '{"n":1}'))
            . Spool::record(1_700_000_000_123_457, $frame(2, '"größer ☃"'));

        self::assertSame(bin2hex((string) file_get_contents(self::GOLDEN)), bin2hex($bytes));
    }

    public function testTheFileBelongsToItsSocketAndProcess(): void
    {
        $this->append($this->spool('/var/run//./x.sock'), 'a', 'b');
        $this->append($this->spool('/run/x.sock'), 'c');

        $files = $this->files();
        foreach ($files as $file) {
            self::assertMatchesRegularExpression("/^[0-9a-f]{16}-" . getmypid() . '-[0-9a-f]{16}-0\.spool$/', basename($file));
            self::assertSame(0600, fileperms($file) & 07777);
        }
        $numbers = array_map(static fn (string $file): string => substr(basename($file), 0, 16), $files);
        self::assertCount(1, array_unique($numbers), 'both are one path');
        self::assertSame(hash('fnv1a64', '/run/x.sock'), $numbers[0]);
    }

    public function testWhatWasToComeBehindAFileThatIsDrainedMeanwhileBeginsNoOther(): void
    {
        $spool = $this->spool();
        $this->append($spool, 'a');
        unlink($this->files()[0]);
        $frame = Frame::publish(str_repeat("\1", 16), ['c'], 'e', '1');

        self::assertFalse($spool->append([$frame], Deadline::after(1000), true));
        self::assertSame([], $this->files());
        self::assertTrue($spool->append([$frame], Deadline::after(1000)));
        self::assertCount(1, $this->files());
    }

    public function testWhoSpoolsBehindASidecarThatDrainsIsSlowedDown(): void
    {
        $spool = $this->spool(maxBytes: 4_000_000);
        $this->append($spool, str_repeat('x', 1_100_000));
        $ten = function () use ($spool): float {
            $begun = hrtime(true);
            array_map(fn (int $n) => $this->append($spool, "$n"), range(1, 10));

            return (hrtime(true) - $begun) / 1e6;
        };
        $ten();
        $files = $this->files();
        self::assertCount(2, $files);

        unlink($files[0]);

        // 20 microseconds, doubled nine times and then bounded
        self::assertGreaterThan(20.2, $ten(), 'milliseconds');
    }

    public function testWhatIsDrainedNoLongerHoldsEventsBack(): void
    {
        $spool = $this->spool();
        self::assertFalse($spool->isPending());
        $this->append($spool, 'a');
        self::assertTrue($spool->isPending());

        unlink($this->files()[0]);

        self::assertFalse($spool->isPending());
        $this->append($spool, 'b');
        self::assertStringEndsWith('-1.spool', $this->files()[0], 'a later file is drained later');
    }

    public function testFilesOfAnotherProcessOfTheSameNumberArePassedOver(): void
    {
        $spool = $this->spool();
        $this->append($spool, 'a');
        [$first] = $this->files();
        // A container that shares the folder has its own processes 1, 2, 3, …
        $others = array_map(static fn (int $n): string => str_replace('-0.spool', "-$n.spool", $first), range(1, 20));
        array_map('touch', $others);
        unlink($first);

        $this->append($spool, 'b');

        self::assertStringEndsWith('-21.spool', array_values(array_diff($this->files(), $others))[0]);
        self::assertSame([0], array_unique(array_map('filesize', $others)), 'they are left alone');
    }

    public function testALinkThatSomebodyHasPutThereIsNotFollowed(): void
    {
        $spool = $this->spool();
        $this->append($spool, 'a');
        [$first] = $this->files();
        $elsewhere = Scratch::path('elsewhere');
        symlink($elsewhere, $link = str_replace('-0.spool', '-1.spool', $first));
        unlink($first);

        $this->append($spool, 'b');

        self::assertFileDoesNotExist($elsewhere);
        self::assertSame([str_replace('-0.spool', '-2.spool', $first)], array_values(array_diff($this->files(), [$link])));
    }

    public function testALockThatIsNotGivenBackCostsNoMoreThanTheDeadline(): void
    {
        $spool = $this->spool();
        $this->append($spool, 'a');
        $child = pcntl_fork();
        if ($child === 0) {
            $file = fopen($this->files()[0], 'r');
            flock($file, LOCK_EX);
            file_put_contents("$this->folder/locked", ''); // touch() would look at it again, when it may be gone
            sleep(60);
        }
        while (! file_exists("$this->folder/locked")) {
            usleep(1_000);
        }
        unlink("$this->folder/locked");
        $start = hrtime(true);

        $spool->append(['RE------b'], Deadline::after(100));

        self::assertLessThan(600, (hrtime(true) - $start) / 1e6);
        self::assertCount(2, $this->files());
        posix_kill($child, SIGKILL);
        pcntl_waitpid($child, $status);
    }

    public function testAForkWritesAFileOfItsOwn(): void
    {
        $spool = $this->spool();
        $this->append($spool, 'a');
        $child = pcntl_fork();
        if ($child === 0) {
            $spool->isPending() || $this->append($spool, 'b');
            posix_kill((int) getmypid(), SIGKILL);
        }
        pcntl_waitpid($child, $status);

        self::assertCount(2, $this->files());
        $this->append($spool, 'c');
        self::assertCount(2, $this->files());
    }

    public function testTheFolderIsBounded(): void
    {
        $spool = $this->spool('/s', 1_000);
        $this->append($spool, str_repeat('a', 800));

        $this->assertFails('is full: 833 of 1000 bytes', fn () => $this->append($spool, str_repeat('b', 200)));
        clearstatcache();
        self::assertSame(833, filesize($this->files()[0]), 'nothing of it stays');
    }

    public function testAFolderThatIsNotThereOrNotSafeIsNotUsed(): void
    {
        $gone = new Spool('/s', "$this->folder/gone");
        $this->assertFails('there is no folder', fn () => $this->append($gone, 'a'));

        chmod($this->folder, 0777);
        $this->assertFails('sticky bit', fn () => $this->append($this->spool(), 'a'));

        symlink($this->folder, "$this->folder.link");
        $this->assertFails('there is no folder', fn () => $this->append(new Spool('/s', "$this->folder.link"), 'a'));
        unlink("$this->folder.link");
    }

    public function testAFullDiskSaysSoAndLeavesWholeRecords(): void
    {
        $mounted = posix_geteuid() === 0
            && exec('mount -t tmpfs -o size=64k tmpfs ' . escapeshellarg($this->folder) . ' 2>&1; echo $?') === '0';
        if (! $mounted) {
            self::markTestSkipped('skipped: a small disk can only be mounted by root');
        }
        try {
            chmod($this->folder, 0700);
            $spool = $this->spool();
            $this->append($spool, str_repeat('a', 10_000));
            clearstatcache();
            $size = filesize($this->files()[0]);

            $this->assertFails('No space left on device', fn () => $this->append($spool, str_repeat('b', 100_000)));

            clearstatcache();
            self::assertSame($size, filesize($this->files()[0]));
            $this->append($spool, 'c');
        } finally {
            $spool = null;
            exec('umount ' . escapeshellarg($this->folder));
        }
    }

    private function spool(string $socket = '/s', int $maxBytes = 1_000_000): Spool
    {
        return new Spool($socket, $this->folder, $maxBytes);
    }

    private function append(Spool $spool, string ...$data): void
    {
        $frames = array_map(static fn (string $data): string => "RE------x$data", array_values($data));
        $spool->append($frames, Deadline::after(2_000));
    }

    private function assertFails(string $says, callable $append): void
    {
        try {
            $append();
        } catch (SpoolFailed $error) {
            self::assertStringContainsString($says, $error->getMessage());

            return;
        }
        self::fail('It was spooled.');
    }

    /** @return list<string> */
    private function files(): array
    {
        return glob("$this->folder/*.spool") ?: [];
    }
}
