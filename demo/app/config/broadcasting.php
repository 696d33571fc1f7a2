<?php

// One connection per road, so that the page can compare them. A real application needs none of these: the package brings
// the connection "rustecho" with it.
return [
    'default' => env('BROADCAST_DRIVER', 'null'),
    'connections' => [
        'extension' => ['driver' => 'rustecho', 'transport' => 'extension', 'socket' => env('RUSTECHO_SOCKET')],
        'php' => ['driver' => 'rustecho', 'transport' => 'php', 'socket' => env('RUSTECHO_SOCKET')],
        'http' => ['driver' => 'http-api', 'url' => env('RUSTECHO_API_URL'), 'key' => env('RUSTECHO_API_KEY')],
        'redis' => ['driver' => 'redis', 'connection' => 'default'],
        'null' => ['driver' => 'null'],
    ],
];
