<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\Laravel\Settings;

/**
 * A publisher's end of the spool: files that take events while the sidecar is away. wire/src/spool.rs describes the format and
 * who may touch a file when; this is the same in PHP.
 */
final class Spool
{
    public const MAGIC = 'RESPOOL1';
    private const LONG_FILE = 1_048_576; // a file that has so many bytes gets no more
    private const TRIES = 8; // files that are begun in vain
    private const UNDRAINED_NS = 30_000_000_000;
    private const LOOK_EVERY_NS = 10_000_000_000;

    /** @var resource|null */
    private $file = null;
    private int $length = 0;
    private int $looked = 0; // when it was last looked whether a sidecar is there; first since when events wait
    private int $there = 0; // since when one is known to be; 0: none is
    private int $pid = 0;
    private string $publisher = '';
    private int $number = 0;
    private int $oldest = 0; // the number of the first file that may not have been drained
    private int $allowance = 0;
    private readonly Pace $pace;
    /** @var list<string> files of this process' earlier requests that had not been drained when it was first looked */
    private array $earlier = [];

    /** @param string $folder never made here: its owner and mode decide who may publish */
    public function __construct(
        private readonly string $socket,
        private readonly string $folder,
        private readonly int $maxBytes = Settings::DEFAULT_SPOOL_MAX_BYTES,
    ) {
        $this->pace = new Pace();
    }

    /** @param int $time microseconds since 1970 */
    public static function record(int $time, string $frame): string
    {
        $timed = pack('J', $time) . Frame::replayed($frame);

        return pack('NN', strlen($frame), crc32($timed)) . $timed;
    }

    /** Whether events of this process wait here: what comes next has to wait behind them. */
    public function isPending(): bool
    {
        $this->settleIn();
        if ($this->earlier !== []) {
            clearstatcache();
            $this->earlier = array_values(array_filter($this->earlier, 'file_exists'));
        }
        if ($this->file !== null && (fstat($this->file)['nlink'] ?? 0) === 0) {
            $this->file = null;
            $this->beginAnew();
        }
        $waits = $this->isOpen();
        if ($waits && $this->there !== 0 && hrtime(true) - max($this->there, $this->pace->seen()) > self::UNDRAINED_NS) {
            // The sidecar that is there does not drain it. Order is worth less than arriving.
            [$this->file, $this->earlier, $waits] = [null, [], false];
        }

        return $waits;
    }

    /** Whether to ask if a sidecar is there: while events wait the socket is left alone, and nobody would know. */
    public function shallLook(): bool
    {
        $due = $this->isOpen() && $this->there === 0 && hrtime(true) - $this->looked >= self::LOOK_EVERY_NS;
        if ($due) {
            $this->looked = hrtime(true);
        }

        return $due;
    }

    /** A sidecar has answered, or none has. */
    public function answered(bool $isThere): void
    {
        $this->there = $isThere ? ($this->there ?: hrtime(true)) : 0;
    }

    private function beginAnew(): void
    {
        [$this->oldest, $this->looked, $this->there] = [$this->number, hrtime(true), 0];
        $this->pace->begin();
    }

    /** Whether it was so when it was last looked. */
    public function isOpen(): bool
    {
        return $this->file !== null || $this->earlier !== [];
    }

    /**
     * Takes all of these frames, or none. False: none, because what they were to come behind has been drained by now.
     *
     * @param list<string> $frames
     *
     * @throws SpoolFailed
     */
    public function append(array $frames, Deadline $deadline, bool $behind = false): bool
    {
        $time = (int) (microtime(true) * 1_000_000);
        $records = implode('', array_map(static fn (string $frame): string => self::record($time, $frame), $frames));
        if ($this->isPending() && $this->file !== null) {
            $this->lookForDraining();
            $this->pace->keep($deadline);
        }
        if ($this->file === null || $this->length >= self::LONG_FILE || ! $this->lock($deadline)) {
            if ($behind && ! $this->isPending()) {
                return false;
            }
            if (! $this->isOpen()) {
                $this->looked = hrtime(true);
            }
            $this->create();
        }
        try {
            $this->makeRoom(strlen($records));
            $this->write($records);
        } finally {
            $this->file === null || flock($this->file, LOCK_UN);
        }

        return true;
    }

    /** One after the other of this process' files goes while a sidecar drains. */
    private function lookForDraining(): void
    {
        clearstatcache();
        while ($this->oldest + 1 < $this->number && ! file_exists($this->name($this->oldest))) {
            $this->oldest++;
            $this->pace->drains();
        }
    }

    private function name(int $number): string
    {
        return "$this->folder/" . self::socketNumber($this->socket) . "-$this->pid-$this->publisher-$number.spool";
    }

    /** Takes the lock; false when the file is no more, or the lock is not to be had in time. */
    private function lock(Deadline $deadline): bool
    {
        for ($pause = 20; ! flock($this->file, LOCK_EX | LOCK_NB); $pause = min(2 * $pause, 2_000)) {
            $this->pace->drains();
            if ($deadline->left() === 0) {
                return false;
            }
            usleep(min($pause, $deadline->left()));
        }

        return (fstat($this->file)['nlink'] ?? 0) > 0;
    }

    /** Makes the next file, locked. */
    private function create(): void
    {
        clearstatcache();
        $about = @lstat($this->folder);
        $mode = $about['mode'] ?? 0;
        if ($about === false || ($mode & 0170000) !== 0040000) {
            throw new SpoolFailed("there is no folder $this->folder (the sidecar makes it; see spool.path)");
        }
        if (($mode & 0002) !== 0 && ($mode & 01000) === 0) {
            throw new SpoolFailed("anyone may remove files from $this->folder; give it the sticky bit");
        }
        // A sidecar that looks between the two calls takes an empty file for one that is done with: then the next one.
        for ($try = 0; $try < self::TRIES; $try++) {
            $file = $this->begin(($mode & 02000) !== 0);
            if ($file !== null) {
                [$this->file, $this->length, $this->allowance] = [$file, strlen(self::MAGIC), 0];

                return;
            }
        }
        throw new SpoolFailed("somebody takes or removes the files in $this->folder at once");
    }

    /**
     * The next name. Another process of this number, in another container, or another thread of this one, goes on where the same
     * earlier request has ended.
     */
    private function free(): string
    {
        do {
            $name = $this->name($this->number++);
        } while (file_exists($name) || is_link($name));

        return $name;
    }

    /** @return resource|null a new file, locked and begun; null when it is somebody else's, or has been drained already */
    private function begin(bool $group)
    {
        $name = $this->free();
        $umask = umask(0077);
        $file = @fopen($name, 'x');
        umask($umask);
        if ($file === false) {
            $error = self::lastError();
            clearstatcache();

            return @lstat($name) !== false ? null : throw new SpoolFailed("no file can be made in $this->folder: $error");
        }
        // Unlike O_EXCL, fopen() makes the file to which a link leads, which another publisher may have put there just now.
        if (! flock($file, LOCK_EX | LOCK_NB) || (@lstat($name)['ino'] ?? 0) !== fstat($file)['ino']) {
            return null;
        }
        if (@fwrite($file, self::MAGIC) !== strlen(self::MAGIC)) {
            $error = self::lastError();
            @unlink($name);
            throw new SpoolFailed("writing to $this->folder failed: $error");
        }
        if ((fstat($file)['nlink'] ?? 0) === 0) {
            return null;
        }
        if ($group) {
            // With the folder's group, which is the sidecar's, that one may read it without being root.
            @chmod($name, 0640);
        }

        return $file;
    }

    /** Looks at the whole folder, but only every 64th part of what it may hold. */
    private function makeRoom(int $bytes): void
    {
        if ($this->allowance < $bytes) {
            clearstatcache();
            $used = array_sum(array_map(static fn (string $file): int => (int) @filesize($file), $this->files('*')));
            if ($used + $bytes > $this->maxBytes) {
                throw new SpoolFailed(
                    "$this->folder is full: $used of $this->maxBytes bytes; start the sidecar, or raise spool_max_bytes",
                );
            }
            $this->allowance = min(max($bytes, intdiv($this->maxBytes, 64)), $this->maxBytes - $used);
        }
        $this->allowance -= $bytes;
    }

    private function write(string $records): void
    {
        if (@fwrite($this->file, $records) !== strlen($records)) {
            $error = self::lastError();
            // A part may have been written. What cannot be taken back is a torn end, which the next file does not have.
            if (! @ftruncate($this->file, $this->length) || @fseek($this->file, $this->length) !== 0) {
                $this->file = null;
            }
            throw new SpoolFailed("writing to $this->folder failed: $error");
        }
        $this->length += strlen($records);
    }

    /** At first, and after a fork: a publisher of its own, behind what earlier requests of this process have left. */
    private function settleIn(): void
    {
        if ($this->pid === getmypid()) {
            return;
        }
        [$this->pid, $this->file, $this->number] = [(int) getmypid(), null, 0];
        $this->publisher = bin2hex(random_bytes(8));
        $this->earlier = PHP_SAPI === 'cli' ? [] : $this->files("-$this->pid-*");
        foreach ($this->earlier as $file) {
            $parts = explode('-', basename($file, '.spool'));
            [$this->publisher, $this->number] = [$parts[2], max($this->number, (int) $parts[3] + 1)];
        }
        $this->beginAnew();
    }

    /** @return list<string> */
    private function files(string $pattern): array
    {
        $prefix = $pattern === '*' ? '' : self::socketNumber($this->socket);

        return glob("$this->folder/$prefix$pattern.spool", GLOB_NOSORT) ?: [];
    }

    /** A path without what says nothing: // and /./ are /. */
    public static function plain(string $path): string
    {
        return rtrim((string) preg_replace('~/(?:\.?/)+~', '/', $path), '/');
    }

    private static function socketNumber(string $socket): string
    {
        return hash('fnv1a64', (string) preg_replace('~^/var(?=/run/)~', '', self::plain($socket)));
    }

    private static function lastError(): string
    {
        return error_get_last()['message'] ?? 'the system did not say why';
    }
}
