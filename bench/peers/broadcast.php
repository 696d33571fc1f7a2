<?php

// broadcast.php FOLDER CONNECTION COUNT    a Laravel application that calls broadcast() COUNT times, 10 ms apart
//
// FOLDER is empty and becomes the application's. The environment says where things are: RUSTECHO_SOCKET, REDIS_PORT.
// Prints how long the calls took, in nanoseconds, as one JSON list.

declare(strict_types=1);

use Illuminate\Broadcasting\Channel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;

require 'Illuminate/autoload.php';
spl_autoload_register(static function (string $class): void {
    $package = dirname(__DIR__, 2) . '/composer-package/';
    foreach (['Rustecho\\Laravel\\' => 'src/', 'Rustecho\\' => 'exceptions/'] as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            require $package . $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';

            return;
        }
    }
});

final class Sent implements ShouldBroadcastNow
{
    public function __construct(public int $at)
    {
    }

    public function broadcastOn(): Channel
    {
        return new Channel('bench');
    }

    public function broadcastAs(): string
    {
        return 'Sent';
    }
}

[, $folder, $connection, $count] = $argv;
foreach (['bootstrap/cache', 'config', 'storage/logs', 'storage/framework'] as $name) {
    mkdir("$folder/$name", 0777, true);
}
$redis = ['host' => '127.0.0.1', 'port' => (int) getenv('REDIS_PORT')];
$config = [
    'app' => ['env' => 'production', 'key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'providers' => [
        Illuminate\Broadcasting\BroadcastServiceProvider::class,
        Illuminate\Bus\BusServiceProvider::class,
        Illuminate\Cache\CacheServiceProvider::class,
        Illuminate\Filesystem\FilesystemServiceProvider::class,
        Illuminate\Queue\QueueServiceProvider::class,
        Illuminate\Redis\RedisServiceProvider::class,
        Rustecho\Laravel\RustechoServiceProvider::class,
    ]],
    'broadcasting' => ['default' => $connection, 'connections' => [
        'extension' => ['driver' => 'rustecho', 'transport' => 'extension', 'socket' => getenv('RUSTECHO_SOCKET')],
        'php' => ['driver' => 'rustecho', 'transport' => 'php', 'socket' => getenv('RUSTECHO_SOCKET')],
        'redis' => ['driver' => 'redis', 'connection' => 'default'],
    ]],
    'cache' => ['default' => 'array', 'stores' => ['array' => ['driver' => 'array']]],
    'database' => ['redis' => ['client' => 'phpredis', 'options' => ['prefix' => ''], 'default' => $redis]],
    'logging' => ['default' => 'errors', 'channels' => ['errors' => ['driver' => 'errorlog']]],
    'queue' => ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]],
];
foreach ($config as $name => $values) {
    file_put_contents("$folder/config/$name.php", '<?php return ' . var_export($values, true) . ';');
}
$app = new Application($folder);
$app->singleton(Kernel::class, Illuminate\Foundation\Console\Kernel::class);
$app->singleton(ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
$app->make(Kernel::class)->bootstrap();

$took = [];
for ($sent = 0; $sent < (int) $count; $sent++) {
    $at = hrtime(true);
    broadcast(new Sent($at));
    $took[] = hrtime(true) - $at;
    usleep(10_000);
}
echo json_encode($took), "\n";
