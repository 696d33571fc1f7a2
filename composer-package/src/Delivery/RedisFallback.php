<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Illuminate\Contracts\Redis\Factory;
use Illuminate\Redis\Connections\PhpRedisClusterConnection;
use Illuminate\Redis\Connections\PredisClusterConnection;
use Rustecho\ConnectionFailed;
use Rustecho\Exception;
use Rustecho\Laravel\Contracts\Fallback;
use RuntimeException;
use Throwable;

/**
 * Publishes as Laravel's Redis driver does, for a sidecar that listens to Redis as well.
 *
 * The event's id goes along: should the sidecar have got the event by its socket after all, it is not emitted again.
 */
final class RedisFallback implements Fallback
{
    /** @param \Closure(): Factory $redis */
    public function __construct(private readonly \Closure $redis, private readonly ?string $connection)
    {
    }

    public function take(Event $event, Exception $cause): void
    {
        $about = ['event' => $event->name, 'socket' => $event->socketId, 'rustecho_id' => $event->id];
        $message = substr(json_encode($about, JSON_THROW_ON_ERROR), 0, -1) . ",\"data\":$event->json}";
        $isHeard = false;
        try {
            $connection = ($this->redis)()->connection($this->connection);
            foreach ($event->channels as $channel) {
                $listeners = $connection->publish($channel, $message);
                if ($listeners === false) {
                    throw new RuntimeException("it refuses PUBLISH on $channel; does its user have the right to?"); // phpredis
                }
                $isHeard = $listeners !== 0 || $isHeard;
            }
            $isHeard = $isHeard || self::isCluster($connection);
        } catch (Throwable $error) {
            $redis = "Redis, which \"on_failure\" names, does not take it either: {$error->getMessage()}";
            throw new ConnectionFailed("{$cause->getMessage()}; and $redis", Exception::FATE_UNKNOWN, $error);
        }
        if (! $isHeard) {
            $redis = 'nobody listens to any of its channels at the Redis server that "on_failure" names. Does the sidecar run, '
                . 'with subscribers.redis on, and with that server and Laravel\'s prefix (keyPrefix) in databaseConfig.redis?';
            // One that listens to a replica has it, and is not counted.
            throw new ConnectionFailed(rtrim($cause->getMessage(), '.') . "; and $redis", Exception::FATE_UNKNOWN);
        }
    }

    /** There only the listeners at the one node are counted that was asked. */
    private static function isCluster(object $connection): bool
    {
        return $connection instanceof PhpRedisClusterConnection || $connection instanceof PredisClusterConnection;
    }
}
