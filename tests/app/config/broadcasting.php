<?php

return [
    'default' => env('BROADCAST_DRIVER', 'rustecho'),
    'connections' => [
        'rustecho' => [
            'driver' => 'rustecho',
            'transport' => 'extension',
            'socket' => env('RUSTECHO_SOCKET'),
            'timeout_ms' => 2000,
        ],
        'rustecho-php' => [
            'driver' => 'rustecho',
            'transport' => 'php',
            'socket' => env('RUSTECHO_SOCKET'),
            'timeout_ms' => 2000,
        ],
        'rustecho-throw' => [
            'driver' => 'rustecho',
            'transport' => 'extension',
            'socket' => env('RUSTECHO_SOCKET'),
            'timeout_ms' => 2000,
            'on_failure' => 'throw',
        ],
        'rustecho-auto' => ['driver' => 'rustecho', 'socket' => env('RUSTECHO_SOCKET')],
        'redis' => ['driver' => 'redis', 'connection' => 'default'],
    ],
];
