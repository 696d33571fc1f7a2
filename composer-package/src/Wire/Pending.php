<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\Exception;

/** Events that were handed over without waiting, in their order, until their answers have been read. */
final class Pending
{
    private const MAX_EVENTS = 256;
    private const MAX_BYTES = 4_194_304;
    private const MAX_UNSENT_BYTES = 65_536;
    private const MAX_FAILURES = 1_000;

    /** @var array<string, string> frames by id */
    private array $frames = [];
    /** @var array<string, bool> those that were not written yet, and whether there will be an answer */
    private array $unsent = [];
    /** @var array<string, true> those of which certainly nothing was written */
    private array $untouched = [];
    private int $bytes = 0;
    private int $unsentBytes = 0;
    private int $pid = 0;
    /**
     * @var array{
     *     accepted: int, spooled: int, failed: int, failures: list<array{id: string, code: int, message: string, fate?: int}>
     * }
     */
    private array $report = self::NOTHING;

    private const NOTHING = ['accepted' => 0, 'spooled' => 0, 'failed' => 0, 'failures' => []];

    public function push(string $id, string $frame, bool $answered): void
    {
        $this->leaveParent();
        $this->frames[$id] = $frame;
        $this->unsent[$id] = $answered;
        $this->untouched[$id] = true;
        $this->bytes += strlen($frame);
        $this->unsentBytes += strlen($frame);
    }

    public function isEmpty(): bool
    {
        $this->leaveParent();

        return $this->frames === [];
    }

    /** Whether answers have to be read before more can be taken. */
    public function isFull(): bool
    {
        return count($this->frames) >= self::MAX_EVENTS || $this->bytes >= self::MAX_BYTES;
    }

    /** Whether what was gathered has to be written. */
    public function isGathered(): bool
    {
        return $this->unsentBytes >= self::MAX_UNSENT_BYTES;
    }

    public function hasUnsent(): bool
    {
        return ! $this->isEmpty() && $this->unsent !== [];
    }

    /** What to write, and now will be: on a new connection everything, otherwise what was not written. */
    public function toWrite(bool $fresh): string
    {
        $this->untouched = [];

        return $this->isEmpty() ? '' : implode('', $fresh ? $this->frames : array_intersect_key($this->frames, $this->unsent));
    }

    /** Everything has been written; what will not be answered is done with. */
    public function written(): void
    {
        foreach ($this->unsent as $id => $answered) {
            if (! $answered) {
                $this->remove((string) $id);
            }
        }
        [$this->unsent, $this->unsentBytes] = [[], 0];
    }

    public function has(string $id): bool
    {
        return isset($this->frames[$id]);
    }

    public function accepted(string $id): void
    {
        $this->report['accepted'] += $this->remove($id) ? 1 : 0;
    }

    /** Whether the refused event is one of these. */
    public function refused(string $id, int $code, string $message): bool
    {
        $fate = $code !== 0 ? [] : ['fate' => isset($this->untouched[$id]) ? 0 : Exception::FATE_UNKNOWN];
        if (! $this->remove($id)) {
            return false;
        }
        $this->report['failed']++;
        if (count($this->report['failures']) < self::MAX_FAILURES) {
            $this->report['failures'][] = ['id' => bin2hex($id), 'code' => $code, 'message' => $message] + $fate;
        }

        return true;
    }

    /** @return list<string> */
    public function frames(): array
    {
        return array_values($this->frames);
    }

    public function spooled(): void
    {
        $this->report['spooled'] += count($this->frames);
        $this->forget();
    }

    public function failed(int $code, string $message): void
    {
        foreach (array_keys($this->frames) as $id) {
            $this->refused((string) $id, $code, $message);
        }
        $this->forget();
    }

    /**
     * @return array{
     *     accepted: int, spooled: int, failed: int, failures: list<array{id: string, code: int, message: string, fate?: int}>
     * }
     */
    public function report(): array
    {
        [$report, $this->report] = [$this->report, self::NOTHING];

        return $report;
    }

    /** The parent's events are the parent's to report. */
    private function leaveParent(): void
    {
        if ($this->pid !== getmypid()) {
            $this->pid = (int) getmypid();
            $this->forget();
            $this->report = self::NOTHING;
        }
    }

    private function remove(string $id): bool
    {
        if (! isset($this->frames[$id])) {
            return false;
        }
        $this->bytes -= strlen($this->frames[$id]);
        unset($this->frames[$id], $this->unsent[$id], $this->untouched[$id]);

        return true;
    }

    private function forget(): void
    {
        [$this->frames, $this->unsent, $this->untouched, $this->bytes, $this->unsentBytes] = [[], [], [], 0, 0];
    }
}
