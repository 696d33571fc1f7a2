<?php

// Redis is there only when the demo is told to start one; nothing uses a database.
return [
    'redis' => [
        'client' => 'phpredis',
        'options' => ['prefix' => 'demo_'],
        'default' => ['host' => '127.0.0.1', 'port' => env('REDIS_PORT')],
    ],
];
