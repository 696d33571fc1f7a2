<?php

// The first publish of a php-fpm request: prints the nanoseconds from nothing to published. ?road=…

declare(strict_types=1);

$socket = $_GET['socket'];
$event = 'App\Events\OrderShipped';
$json = '{"order":' . str_repeat('1', 180) . '}';
$message = '{"event":"App\\\\Events\\\\OrderShipped","data":' . $json . ',"socket":null}';
[$road, $ack] = explode(' ', $_GET['road']) + [1 => 'receipt'];
if ($road === 'php') {
    // Laravel's autoloader has a class map ready; here the files are named.
    $package = __DIR__ . '/../../composer-package/';
    spl_autoload_register(static function (string $class) use ($package): void {
        if (! str_starts_with($class, 'Rustecho')) {
            return;
        }
        $file = str_replace('\\', '/', (string) preg_replace('/^Rustecho.Laravel./', 'src/', $class)) . '.php';
        require $package . preg_replace('~^Rustecho/~', 'exceptions/', $file);
    });
    require 'Psr/Log/autoload.php';
}
$road === 'predis' && require 'Predis/autoload.php';
$road === 'guzzle' && require 'GuzzleHttp/autoload.php';

$start = hrtime(true);
switch ($road) {
    case 'extension':
        rustecho_publish(['orders'], $event, $json, null, [
            'socket' => $socket, 'ack' => $ack, 'timeout_ms' => 5_000, 'on_failure' => 'throw',
        ]);
        break;
    case 'php':
        $settings = Rustecho\Laravel\Settings::from([
            'socket' => $socket, 'ack' => $ack, 'timeout_ms' => 5_000, 'on_failure' => 'throw',
        ]);
        $publisher = new Rustecho\Laravel\Publishers\StreamPublisher($settings, new Psr\Log\NullLogger());
        $publisher->publish(['orders'], $event, $json, null);
        break;
    case 'phpredis':
        $redis = new Redis();
        $redis->connect('127.0.0.1', (int) $_GET['redis']);
        $redis->publish('orders', $message);
        break;
    case 'kept':
        // What any round trip to a process that sleeps costs: the connection is kept, and nothing is done.
        $redis = new Redis();
        $redis->pconnect($_GET['redis_socket']);
        $redis->ping();
        break;
    case 'predis':
        $predis = new Predis\Client(['host' => '127.0.0.1', 'port' => (int) $_GET['redis']]);
        $predis->publish('orders', $message);
        break;
    case 'guzzle':
        $guzzle = new GuzzleHttp\Client();
        $guzzle->post($_GET['api'] . '/events', [
            'headers' => ['Authorization' => 'Bearer ' . $_GET['key'], 'Content-Type' => 'application/json'],
            'body' => '{"name":"App\\\\Events\\\\OrderShipped","channel":"orders","data":' . json_encode($json) . '}',
        ]);
        break;
}
echo hrtime(true) - $start;
