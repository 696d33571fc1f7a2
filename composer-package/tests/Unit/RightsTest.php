<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use Illuminate\Foundation\Application;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Rights;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\Scratch;

/** What the doctor says of the user who runs it, whom nobody else knows: in a container most have a number only. */
final class RightsTest extends TestCase
{
    private const NOBODYS = 4_321;
    private string $folder;

    protected function setUp(): void
    {
        if (posix_geteuid() !== 0) {
            self::markTestSkipped('skipped: only root can become a user that has no name');
        }
        mkdir($this->folder = Scratch::path('rights'));
    }

    public function testAUserWithoutANameMayWhatTheSystemLetsIt(): void
    {
        touch("$this->folder/socket");
        chmod("$this->folder/socket", 0666);

        self::assertSame(['4321', true, null, true, true], $this->asNobody());
    }

    public function testWhatIsClosedToItIsFound(): void
    {
        mkdir("$this->folder/socket", 0755);
        self::assertSame(['4321', true, null, false, true], $this->asNobody());
        chmod($this->folder, 0700);
        self::assertSame(['4321', true, $this->folder, false, false], $this->asNobody());
    }

    public function testAllItsGroupsCount(): void
    {
        touch("$this->folder/socket");
        chmod("$this->folder/socket", 0660);
        chgrp("$this->folder/socket", self::NOBODYS + 1);
        chmod($this->folder, 0750);
        chgrp($this->folder, self::NOBODYS + 1);

        self::assertSame(['4321', true, null, true, true], $this->asNobody(self::NOBODYS + 1));
    }

    /** @return array<mixed> the user, whether they are its own rights, the closed folder, whether it may write, and enter */
    private function asNobody(int $group = self::NOBODYS): array
    {
        $visit = new Visit(new Application(), 'rustecho', Settings::from([]), null, 'http://x', 'http://x');
        class_exists(Rights::class);
        [$mine, $its] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0) ?: self::fail('no pair of sockets');
        $child = pcntl_fork();
        if ($child === 0) {
            posix_setgid($group);
            posix_setuid(self::NOBODYS);
            $rights = Rights::of($visit);
            $path = "$this->folder/socket";
            fwrite($its, (string) json_encode([
                $rights->user, $rights->areMine(), $rights->closedAbove($path), $rights->may(Rights::WRITE, $path),
                $rights->may(Rights::ENTER, $this->folder),
            ]));
            posix_kill(getmypid(), SIGKILL);
        }
        fclose($its);
        pcntl_waitpid($child, $status);

        return json_decode((string) stream_get_contents($mine));
    }
}
