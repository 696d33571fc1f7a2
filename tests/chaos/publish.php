<?php

// One request of the chaos run: publishes events of the numbers it is given, and writes into a file of its process what it was told
// of each, right after the call. What is not in the file was promised nothing.

use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;

['road' => $road, 'node' => $node, 'journal' => $journal, 'socket' => $socket] = $_GET;
$events = json_decode($_GET['events'], true);
if ($road === 'php') {
    require_once __DIR__ . '/../../composer-package/tests/bootstrap.php';
    $client = new StreamPublisher(Settings::from(['socket' => $socket]), new Psr\Log\NullLogger());
}
// In pure PHP a publisher is a request.
$pub = $road === 'php' ? 'p' . getmypid() . '.' . $_GET['request'] : 'e' . getmypid() . ".$node";
$book = fopen("$journal/$node-" . getmypid(), 'a');
foreach ($events as ['n' => $n, 'ch' => $channels, 'except' => $except, 'pad' => $pad]) {
    $begun = hrtime(true);
    $json = json_encode(['n' => $n, 'pub' => $pub, 's' => $begun] + ($pad ? ['pad' => str_repeat('x', $pad)] : []));
    $why = null;
    try {
        if ($road === 'php') {
            $fate = $client->publish($channels, 'N', $json, $except)->spooled ? 'spooled' : 'emitted';
        } else {
            $fate = rustecho_publish($channels, 'N', $json, $except)['spooled'] ? 'spooled' : 'emitted';
        }
    } catch (Rustecho\Exception $error) {
        $fate = $error->getCode() === Rustecho\Exception::FATE_UNKNOWN && ! $error instanceof Rustecho\Refused ? 'unknown' : 'failed';
        $why = get_class($error) . ': ' . $error->getMessage();
    }
    $took = ['n' => $n, 'pub' => $pub, 's' => $begun, 't0' => $begun / 1e6, 't1' => hrtime(true) / 1e6, 'fate' => $fate];
    fwrite($book, json_encode($took + ($why === null ? [] : ['why' => $why])) . "\n");
    usleep((int) $_GET['pause']);
}
echo count($events);
