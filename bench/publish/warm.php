<?php

// Warm calls of one process, road by road in turn: prints {road: {size: [nanoseconds, …]}}.
//
//   php -d extension=… warm.php SOCKET REDIS_PORT API_URL API_KEY ROUNDS CALLS

declare(strict_types=1);

require __DIR__ . '/roads.php';

[, $socket, $redisPort, $apiUrl, $apiKey, $rounds, $calls] = $argv;
$roads = roads($socket, (int) $redisPort, $apiUrl, $apiKey);
$taken = [];
foreach ([200, 2_000, 32_000] as $size) {
    $json = payload($size);
    foreach ($roads as $road) {
        $road['publish']($json); // connected, loaded, known
        ($road['settle'])();
    }
    for ($round = 0; $round < (int) $rounds; $round++) {
        foreach ($roads as $name => $road) {
            $publish = $road['publish'];
            for ($call = 0; $call < (int) $calls; $call++) {
                $start = hrtime(true);
                $publish($json);
                $taken[$name][$size][] = hrtime(true) - $start;
            }
            // What was not waited for is worked off before the next road's turn.
            ($road['settle'])();
        }
    }
}
echo json_encode($taken);
