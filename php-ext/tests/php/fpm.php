<?php

/** In a real php-fpm: one connection per worker over many requests, and nothing of one request seen by the next. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';
require __DIR__ . '/../support/fpm.php';

$sidecar = Sidecar::inNewDirectory();
$fpm = new Fpm(dirname($sidecar->socket), ['rustecho.socket' => $sidecar->socket, 'rustecho.timeout_ms' => '10000', 'rustecho.breaker_ms' => '0']);
same([], $sidecar->of('hello'), 'php-fpm has started: who has connected');

$publish = static fn (string $data) => $fpm->run(<<<PHP
    try {
        \$answer = rustecho_publish(['orders'], 'Shipped', '$data');
    } catch (Rustecho\Exception \$error) {
        \$answer = ['error' => \$error::class];
    }
    echo json_encode(\$answer + ['pid' => getmypid(), 'counters' => rustecho_status()['counters']]);
    PHP);

$first = $publish('1');
$second = $publish('2');
same($first['pid'], $second['pid'], 'the worker');
same([true, true], [$first['accepted'] ?? null, $second['accepted'] ?? null], 'accepted');
same(2, $second['counters']['published'], 'events published by this worker');
same([0, 0], array_column($sidecar->of('publish'), 'connection'), 'the connections of two requests');
$hellos = $sidecar->of('hello');
same(1, count($hellos), 'connections');
same([$first['pid'], true], [$hellos[0]['pid'], str_ends_with($hellos[0]['client'], ' fpm-fcgi')], 'who said hello');

// A request that changes settings, throws and leaves by exit() changes nothing for the next one.
$fpm->run(<<<'PHP'
    ini_set('rustecho.ack', 'none');
    ini_set('rustecho.timeout_ms', '7');
    try {
        rustecho_publish([], 'e', '1');
    } catch (Rustecho\InvalidEvent $error) {
        echo json_encode(['thrown' => $error->getMessage()]);
    }
    exit(1);
    PHP);
$settings = $fpm->run("echo json_encode([ini_get('rustecho.ack'), ini_get('rustecho.timeout_ms')]);");
same(['receipt', '10000'], $settings, 'the settings of the next request');
same(true, $publish('3')['accepted'] ?? null, 'accepted after it');
same(1, count($sidecar->of('hello')), 'connections after it');

// The sidecar is restarted, dies, comes back: the same worker goes on.
$sidecar->stop();
$sidecar->start();
$healed = $publish('4');
same([true, $first['pid'], 1], [$healed['accepted'] ?? null, $healed['pid'], $healed['counters']['reconnects']], 'after a restart');
$sidecar->stop();
same(Rustecho\ConnectionFailed::class, $publish('5')['error'] ?? null, 'the error while the sidecar is away');
$sidecar->start();
same([true, $first['pid']], [($last = $publish('6'))['accepted'] ?? null, $last['pid']], 'after it is back');

done();
