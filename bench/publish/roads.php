<?php

// The roads that are compared, each as one publishes with it: the connection is kept, the data is JSON already.

declare(strict_types=1);

require __DIR__ . '/../../composer-package/tests/bootstrap.php';

use Psr\Log\NullLogger;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;

/** JSON of so many bytes as an application has it: rows of an order. */
function payload(int $bytes): string
{
    $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE; // as the package encodes
    $rows = [];
    do {
        $n = count($rows);
        $rows[] = ['id' => 1_000 + $n, 'name' => "Größe \"$n\"", 'price' => 9.5 + $n, 'tags' => ['a', 'b'], 'sold' => $n % 2 === 0];
        $json = json_encode(['rows' => $rows, 'pad' => ''], $flags);
    } while (strlen($json) < $bytes - 90);

    return json_encode(['rows' => $rows, 'pad' => str_repeat('x', max(0, $bytes - strlen($json)))], $flags);
}

/** What Laravel's Redis driver publishes. */
function redisMessage(string $json): string
{
    return '{"event":"App\\\\Events\\\\OrderShipped","data":' . $json . ',"socket":null}';
}

/**
 * No road at all: the system call that every publish without a receipt has to make, to a process that does nothing but read.
 *
 * @return Closure(string): mixed
 */
function bareSend(): Closure
{
    socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $ends);
    [$here, $there] = $ends;
    if (pcntl_fork() === 0) {
        socket_close($here);
        while (socket_recv($there, $data, 262_144, 0) > 0) {
        }
        posix_kill(getmypid(), SIGKILL); // not exit(): what has to be cleaned up belongs to the parent
    }
    socket_close($there);

    return static fn (string $json) => socket_send($here, $json, strlen($json), 0);
}

/**
 * No road either: an event that is refused for its name, which happens after its data has been looked at and before anything is
 * written. What a longer text adds to this call is what looking at it costs.
 *
 * @return Closure(string): mixed
 */
function lookedAt(string $socket): Closure
{
    $options = ['socket' => $socket, 'ack' => 'none', 'on_failure' => 'throw'];
    $tooLong = str_repeat('x', 1_000);

    return static function (string $json) use ($options, $tooLong): ?Throwable {
        try {
            rustecho_publish(['orders'], $tooLong, $json, null, $options);
        } catch (Throwable $refused) {
            return $refused;
        }
        throw new LogicException('a name that is too long was taken');
    };
}

/** @return array<string, array{publish: Closure(string): mixed, settle: Closure(): mixed}> */
function roads(string $socket, int $redisPort, string $apiUrl, string $apiKey): array
{
    $nothing = static fn () => null;
    $roads = [
        'bare send(2)' => ['publish' => bareSend(), 'settle' => $nothing],
        'looked at, refused' => ['publish' => lookedAt($socket), 'settle' => $nothing],
    ];
    foreach (['none', 'receipt', 'deferred'] as $ack) {
        $options = ['socket' => $socket, 'ack' => $ack, 'timeout_ms' => 5_000, 'on_failure' => 'throw'];
        $wait = ['ack' => 'receipt'] + $options;
        $roads["extension $ack"] = [
            'publish' => static fn (string $json) => rustecho_publish(['orders'], 'App\Events\OrderShipped', $json, null, $options),
            'settle' => static fn () => [
                rustecho_flush(5_000), rustecho_publish(['orders'], 'settled', '1', null, $wait),
            ],
        ];
    }
    foreach (['none', 'receipt', 'deferred'] as $ack) {
        $settings = ['socket' => $socket, 'ack' => $ack, 'timeout_ms' => 5_000, 'on_failure' => 'throw'];
        $stream = new StreamPublisher(Settings::from($settings), new NullLogger());
        $roads["pure PHP $ack"] = [
            'publish' => static fn (string $json) => $stream->publish(['orders'], 'App\Events\OrderShipped', $json, null),
            'settle' => static fn () => [$stream->collect(), $stream->publish(['orders'], 'settled', '1', null, null, 'receipt')],
        ];
    }
    $redis = new Redis();
    $redis->connect('127.0.0.1', $redisPort);
    $roads['phpredis'] = [
        'publish' => static fn (string $json) => $redis->publish('orders', redisMessage($json)),
        'settle' => $nothing,
    ];
    require_once 'Predis/autoload.php';
    $predis = new Predis\Client(['host' => '127.0.0.1', 'port' => $redisPort]);
    $roads['predis'] = [
        'publish' => static fn (string $json) => $predis->publish('orders', redisMessage($json)),
        'settle' => $nothing,
    ];
    require_once 'GuzzleHttp/autoload.php';
    $guzzle = new GuzzleHttp\Client(['headers' => ['Authorization' => "Bearer $apiKey", 'Content-Type' => 'application/json']]);
    $roads['Guzzle'] = [
        'publish' => static fn (string $json) => (string) $guzzle->post("$apiUrl/events", [
            'body' => '{"name":"App\\\\Events\\\\OrderShipped","channel":"orders","data":' . json_encode($json) . '}',
        ])->getBody(),
        'settle' => $nothing,
    ];

    return $roads;
}
