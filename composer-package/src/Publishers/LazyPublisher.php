<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Fallback;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Contracts\Road;
use Rustecho\Laravel\Delivery\Delivery;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Wire\Deadline;
use Rustecho\Timeout;

/**
 * Chooses the road when the first event is published, and takes events for more channels than one publish may name.
 *
 * Laravel creates the broadcaster in every request and every artisan command that loads routes/channels.php. A wrong setting
 * must fail the broadcast, not `php artisan config:clear`.
 */
final class LazyPublisher implements Publisher
{
    private ?Publisher $publisher = null;
    private ?Fallback $fallback = null;
    private ?Settings $chosen = null;

    /** @param Closure(): Settings $settings */
    public function __construct(
        private readonly PublisherFactory $factory,
        private readonly Delivery $delivery,
        private readonly Closure $settings,
    ) {
    }

    /** @param list<string> $channels as many as there are: over MAX_CHANNELS they go in parts, and the last receipt counts */
    public function publish(array $channels, string $event, string $json, ?string $socketId, ?string $id = null): Receipt
    {
        $fake = $this->factory->fake();
        if ($fake !== null) {
            return $fake->publish($channels, $event, $json, $socketId);
        }
        $road = $this->chosen();
        $deadline = count($channels) > self::MAX_CHANNELS ? Deadline::after((int) $this->chosen?->timeoutOrDefault()) : null;
        [$taken, $isOut] = [0, true];
        try {
            for (; count($channels) - $taken > self::MAX_CHANNELS; $taken += self::MAX_CHANNELS) {
                $part = array_slice($channels, $taken, self::MAX_CHANNELS);
                $receipt = $this->pass($road, $part, $event, $json, $socketId, true, $taken === 0 ? null : $deadline);
                $isOut = $isOut && ($receipt->accepted || $receipt->spooled || $receipt->diverted);
            }

            return $this->pass($road, array_slice($channels, $taken), $event, $json, $socketId, false, $deadline);
        } catch (Exception $error) {
            throw $taken === 0 ? $error : self::inPart($error, $isOut, $taken, $channels[$taken]);
        }
    }

    /**
     * What the cause says of itself, such as a refusal, is not true of the whole event.
     *
     * @param bool $isOut whether it is known of all parts before; what fails of others is reported by itself, later
     */
    private static function inPart(Exception $cause, bool $isOut, int $taken, string $next): Exception
    {
        $class = $cause instanceof ConnectionFailed || $cause instanceof Timeout ? get_class($cause) : Exception::class;
        $which = ($isOut ? "it was passed on for its first $taken channels" : "it was taken, without a receipt so far, "
            . "for its first $taken channels") . ", and not, or not surely, for those from $next on";

        return new $class("$which: {$cause->getMessage()}", Exception::FATE_UNKNOWN, $cause);
    }

    public function chosen(): Publisher
    {
        if ($this->publisher === null) {
            $this->chosen = ($this->settings)();
            $this->publisher = $this->factory->make($this->chosen);
            $this->fallback = $this->factory->fallbackFor($this->chosen);
        }

        return $this->publisher;
    }

    /**
     * @param list<string> $channels
     * @param Deadline|null $deadline what is left of it is all that the part may take: the event is one call, whatever its parts
     */
    private function pass(
        Publisher $road,
        array $channels,
        string $event,
        string $json,
        ?string $socketId,
        bool $more,
        ?Deadline $deadline,
    ): Receipt {
        if (! $road instanceof Road || $this->chosen === null) {
            return $road->publish($channels, $event, $json, $socketId);
        }
        // Without any time at all a part could not even be spooled.
        $left = $deadline === null ? null : max(1, intdiv($deadline->left(), 1_000));

        return $this->delivery->publish(
            $channels,
            $event,
            $json,
            $socketId,
            $road,
            $this->chosen,
            $this->fallback,
            $more,
            $left,
        );
    }
}
