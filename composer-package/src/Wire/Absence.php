<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Publishers\Warnings;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Refused;
use Rustecho\Timeout;

/**
 * What happens while the sidecar cannot be had: it is left alone for a while, and events go to the spool where there is one.
 *
 * Breaker and spool belong to the process, whoever publishes in it.
 */
final class Absence
{
    /** @var array<string, Breaker> */
    private static array $breakers = [];
    /** @var array<string, Spool> */
    private static array $spools = [];

    private readonly string $path;
    private readonly Breaker $breaker;
    private readonly ?Spool $spool;

    public function __construct(
        private readonly Settings $settings,
        private readonly Pending $pending,
        private readonly ?Warnings $warnings = null,
    ) {
        $this->path = $settings->socketPath();
        $this->breaker = self::$breakers[$this->path] ??= new Breaker();
        $folder = $settings->spoolFolder();
        $maxBytes = $settings->spoolMaxBytes ?? Settings::DEFAULT_SPOOL_MAX_BYTES;
        $this->spool = $settings->spools()
            ? self::$spools["$this->path\0$folder\0$maxBytes"] ??= new Spool($this->path, $folder, $maxBytes)
            : null;
    }

    public function isOver(): void
    {
        $this->breaker->succeeded();
        $this->spool?->answered(true);
    }

    /**
     * Why the sidecar is not to be asked now, if so.
     *
     * @param callable(): mixed $ask whether a sidecar is there
     */
    public function reason(callable $ask): ?ConnectionFailed
    {
        $idle = $this->pending->isEmpty() && $this->breaker->resting() === 0;
        if ($idle && $this->spool?->isPending() && $this->spool->shallLook()) {
            $ask();
        }
        $left = $this->breaker->resting();
        if ($left > 0) {
            $reason = $this->breaker->reason();

            return new ConnectionFailed(
                "the sidecar at $this->path failed shortly before and is asked again in $left ms: $reason",
            );
        }

        return $this->spool?->isPending()
            ? new ConnectionFailed("events for the sidecar at $this->path wait in its spool")
            : null;
    }

    /** The sidecar could not be had: deferred events go where the one at hand will go. Whether that is the spool. */
    public function begins(Exception $error, Deadline $deadline): bool
    {
        if ($error instanceof Refused || $error->getPrevious() instanceof Refused) {
            $this->breaker->succeeded(); // it has answered, and only this connection is not for now
        } elseif (self::is($error)) {
            $this->breaker->failed($this->settings->breakerOrDefault(), ! $error instanceof Timeout, $error->getMessage());
            $this->spool?->answered(false);
        }
        if ($this->pending->isEmpty()) {
            return false;
        }
        try {
            if (self::is($error) && $this->spool !== null) {
                $this->spool->append($this->pending->frames(), $deadline);
                $this->pending->spooled();
                $this->warnings?->spooled($this->settings, $error->getMessage(...));

                return true;
            }
        } catch (SpoolFailed $full) {
            $error = self::notSpooled($error, $full);
        }
        $this->pending->failed($error instanceof Refused ? (int) $error->getCode() : 0, $error->getMessage());

        return false;
    }

    /**
     * As long as the sidecar is not to be asked. Null when the spool, behind whose events this one was to come, has been drained
     * meanwhile: one that waited for that would otherwise begin the next file, and so on.
     *
     * @throws Exception the reason, where the event cannot be spooled
     */
    public function waitBehind(string $id, string $frame, Exception $reason, Deadline $deadline): ?Receipt
    {
        return $this->spool($id, $frame, $reason, $deadline, $this->spool?->isOpen() ?? false);
    }

    /** @throws Exception the error, where the event cannot be spooled */
    public function take(string $id, string $frame, Exception $error, Deadline $deadline): Receipt
    {
        return $this->spool($id, $frame, $error, $deadline, false) ?? throw $error;
    }

    private function spool(string $id, string $frame, Exception $error, Deadline $deadline, bool $behind): ?Receipt
    {
        if ($this->spool === null || ! self::is($error)) {
            throw $error;
        }
        try {
            $spooled = $this->spool->append([$frame], $deadline, $behind);
        } catch (SpoolFailed $full) {
            throw self::notSpooled($error, $full);
        }

        if (! $spooled) {
            return null;
        }
        $this->warnings?->spooled($this->settings, $error->getMessage(...));

        return new Receipt(bin2hex($id), null, false, true);
    }

    private static function is(Exception $error): bool
    {
        return $error instanceof Refused
            ? $error->getCode() === Frame::TRY_LATER
            : ! $error instanceof NotTheProtocol && ! $error instanceof InvalidEvent;
    }

    private static function notSpooled(Exception $cause, SpoolFailed $full): Exception
    {
        $class = get_class($cause);
        $message = rtrim($cause->getMessage(), '.') . "; and it could not be spooled: {$full->getMessage()}";

        return new $class($message, $cause->getCode(), $cause);
    }
}
