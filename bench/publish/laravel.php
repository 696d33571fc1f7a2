<?php

// Whole event() of a Laravel application, driver by driver in turn: prints {driver: [nanoseconds, …]}.
//
//   php -d extension=… laravel.php SOCKET REDIS_PORT ROUNDS CALLS

declare(strict_types=1);

require __DIR__ . '/../../composer-package/tests/bootstrap.php';

use Illuminate\Broadcasting\Channel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;
use Rustecho\Laravel\Tests\Support\TestApp;

final class OrderShipped implements ShouldBroadcastNow
{
    public function __construct(public int $id, public string $title, private string $via)
    {
    }

    /** @return list<Channel> */
    public function broadcastOn(): array
    {
        return [new Channel('orders')];
    }

    /** @return list<string> */
    public function broadcastConnections(): array
    {
        return [$this->via];
    }
}

[, $socket, $redisPort, $rounds, $calls] = $argv;
$files = new TestApp();
$rustecho = ['driver' => 'rustecho', 'socket' => $socket, 'timeout_ms' => 5_000, 'on_failure' => 'throw'];
$drivers = [
    'null' => ['driver' => 'null'],
    'extension receipt' => ['transport' => 'extension', 'ack' => 'receipt'] + $rustecho,
    'extension deferred' => ['transport' => 'extension', 'ack' => 'deferred'] + $rustecho,
    'extension none' => ['transport' => 'extension', 'ack' => 'none'] + $rustecho,
    'pure PHP receipt' => ['transport' => 'php', 'ack' => 'receipt'] + $rustecho,
    'redis' => ['driver' => 'redis', 'connection' => 'default'],
];
$files->configure('broadcasting', ['default' => 'null', 'connections' => $drivers]);
$server = ['host' => '127.0.0.1', 'port' => (int) $redisPort, 'database' => 0];
$files->configure('database', ['redis' => ['client' => 'phpredis', 'default' => $server]]);
$app = $files->boot([Illuminate\Redis\RedisServiceProvider::class]);
$taken = [];
for ($round = -1; $round < (int) $rounds; $round++) {
    foreach (array_keys($drivers) as $driver) {
        for ($call = 0; $call < (int) $calls; $call++) {
            $event = new OrderShipped($call, 'A title of some length, as titles are', $driver);
            $start = hrtime(true);
            event($event);
            $round < 0 || $taken[$driver][] = hrtime(true) - $start;
        }
        $app->make('rustecho')->collect();
    }
}
$files->remove();
echo json_encode(['version' => $app->version(), 'taken' => $taken]);
