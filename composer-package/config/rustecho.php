<?php

declare(strict_types=1);

return [

    /*
    |--------------------------------------------------------------------------
    | Transport
    |--------------------------------------------------------------------------
    |
    | The road from PHP to the sidecar. "auto" takes the extension where it is
    | loaded, else the pure-PHP client. "extension" insists on the extension,
    | "php" on the client, and "null" throws events away (for test suites).
    |
    */

    'transport' => env('RUSTECHO_TRANSPORT', 'auto'),

    /*
    |--------------------------------------------------------------------------
    | Socket
    |--------------------------------------------------------------------------
    |
    | Path of the sidecar's Unix socket, the same as unixSocket.path in its
    | rustecho.json. Left out: the ini setting rustecho.socket where there is
    | one, else /run/rustecho/rustecho.sock.
    |
    */

    'socket' => env('RUSTECHO_SOCKET'),

    /*
    |--------------------------------------------------------------------------
    | Timeout
    |--------------------------------------------------------------------------
    |
    | Milliseconds, 1 to 60000, that publishing one event may take in all:
    | connecting, writing and waiting for the receipt. Left out: the ini
    | setting rustecho.timeout_ms where there is one, else 50.
    |
    */

    'timeout_ms' => env('RUSTECHO_TIMEOUT_MS'),

    /*
    |--------------------------------------------------------------------------
    | Acknowledgement
    |--------------------------------------------------------------------------
    |
    | "receipt" waits until the sidecar says that it has accepted the event,
    | so that a broadcast that did not arrive fails. "none" writes and goes
    | on, a little faster; a refusal is then only logged. Left out: the ini
    | setting rustecho.ack where there is one, else "receipt".
    |
    */

    'ack' => env('RUSTECHO_ACK'),

    'auth' => [

        /*
        |----------------------------------------------------------------------
        | Channel authorisation
        |----------------------------------------------------------------------
        |
        | The sidecar asks POST /broadcasting/auth whether a visitor may have a
        | private or presence channel. The route is added when the application
        | has none; false never adds it.
        |
        */

        'enabled' => env('RUSTECHO_AUTH_ENABLED', true),

        /*
        |----------------------------------------------------------------------
        | Middleware
        |----------------------------------------------------------------------
        |
        | What finds out who the visitor is: "web" for the session cookie,
        | "auth:api" or "auth:sanctum" for a bearer token that the page gives
        | to Echo in auth.headers. In the environment, several are separated
        | by "|", since a comma separates the parameters of one.
        |
        */

        'middleware' => env('RUSTECHO_AUTH_MIDDLEWARE', 'web'),

        /*
        |----------------------------------------------------------------------
        | Channels file
        |----------------------------------------------------------------------
        |
        | Loaded when rustecho is the default broadcaster and nobody has
        | registered a channel, as in Laravel 8 to 10 while the application's
        | BroadcastServiceProvider is commented out. Empty: never loaded.
        |
        */

        'channels' => env('RUSTECHO_AUTH_CHANNELS', 'routes/channels.php'),

    ],

];
