<?php

declare(strict_types=1);

namespace Rustecho\Laravel;

use JsonException;
use Rustecho\ConnectionFailed;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Delivery\Contents;
use Rustecho\Timeout;
use Throwable;

/** Why an event was not broadcast, as whole sentences; with the command that shows more, where it is not the event's fault. */
final class Reason
{
    public static function of(Throwable $cause): string
    {
        $reason = $cause instanceof JsonException
            ? "its data cannot be written as JSON ({$cause->getMessage()}" . self::limit($cause)
                . '); correct broadcastWith() or the public properties'
            : rtrim($cause->getMessage(), '.');
        $end = preg_match('/[?!]$/', $reason) === 1 ? '' : '.';
        $away = $cause instanceof ConnectionFailed || $cause instanceof Timeout || $cause instanceof InvalidOption;

        return $reason . $end . ($away ? ' See `php artisan rustecho:doctor`.' : '');
    }

    private static function limit(JsonException $cause): string
    {
        return $cause->getCode() === JSON_ERROR_DEPTH ? '; the limit is ' . Contents::DEPTH . ' levels' : '';
    }
}
