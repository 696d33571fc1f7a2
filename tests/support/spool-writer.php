<?php

// Publishes events numbered from 1 while no sidecar runs, by the extension or in pure PHP; prints how many were spooled, or why not.
//
//   php spool-writer.php extension|php SOCKET NAME COUNT

declare(strict_types=1);

require __DIR__ . '/../../composer-package/tests/bootstrap.php';

use Rustecho\Laravel\Publishers\ExtensionPublisher;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;

[, $road, $socket, $name, $count] = $argv;
$settings = Settings::from(['socket' => $socket, 'on_failure' => 'spool', 'timeout_ms' => 2_000]);
$publisher = $road === 'php' ? new StreamPublisher($settings, new Psr\Log\NullLogger()) : new ExtensionPublisher($settings);
$spooled = 0;
try {
    for ($number = 1; $number <= (int) $count; $number++) {
        $json = json_encode(['writer' => $name, 'number' => $number]);
        $spooled += $publisher->publish(['orders'], 'Shipped', $json, null)->spooled ? 1 : 0;
    }
    echo $spooled;
} catch (Rustecho\Exception $error) {
    echo $error->getMessage();
}
