<?php

// Publishes numbered events, one every so many milliseconds, by the extension or in pure PHP, until the file STOP is there; each says how
// many were accepted before it. Prints how many were spooled, and how many accepted.
//
//   php spool-stream.php extension|php SOCKET SPOOL NAME PAUSE_MS STOP

declare(strict_types=1);

require __DIR__ . '/../../composer-package/tests/bootstrap.php';

use Rustecho\Laravel\Publishers\ExtensionPublisher;
use Rustecho\Laravel\Publishers\StreamPublisher;
use Rustecho\Laravel\Settings;

[, $road, $socket, $spool, $name, $pause, $stop] = $argv;
$settings = Settings::from(['socket' => $socket, 'spool' => $spool, 'on_failure' => 'spool', 'timeout_ms' => 2_000]);
$publisher = $road === 'php' ? new StreamPublisher($settings, new Psr\Log\NullLogger()) : new ExtensionPublisher($settings);
$spooled = 0;
for ($number = 1; ! file_exists($stop); $number++) {
    $json = json_encode(["writer" => $name, "number" => $number, "accepted" => $number - 1 - $spooled, "padding" => str_repeat("x", 150)]);
    $spooled += $publisher->publish(['orders'], 'Shipped', $json, null)->spooled ? 1 : 0;
    usleep(1000 * (int) $pause);
}
echo json_encode(['spooled' => $spooled, 'accepted' => $number - 1 - $spooled]);
