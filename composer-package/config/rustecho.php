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
    | rustecho.json. It has to be absolute: web requests have another
    | working directory than artisan. Left out: the ini setting
    | rustecho.socket where there is one, else /run/rustecho/rustecho.sock.
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
    | "receipt" waits until the sidecar has accepted the event. "deferred"
    | writes it at once and reads the receipt when the request or job ends;
    | what failed is then reported to your exception handler. "none" writes
    | and goes on; a refusal is only logged. Left out: the ini setting
    | rustecho.ack where there is one, else "receipt".
    |
    */

    'ack' => env('RUSTECHO_ACK'),

    /*
    |--------------------------------------------------------------------------
    | When the sidecar is away
    |--------------------------------------------------------------------------
    |
    | "spool" keeps the event on disk until the sidecar is back, and throws
    | only when that fails too. "redis" publishes it by a Redis connection,
    | as Laravel's own driver does, and throws where nobody listens at that
    | server (a Redis Cluster does not tell). "throw" throws a
    | BroadcastException, so that a queued broadcast is tried again. "log"
    | drops it and logs that. Left out: the ini setting rustecho.on_failure,
    | else "spool".
    |
    */

    'on_failure' => env('RUSTECHO_ON_FAILURE'),

    /*
    |--------------------------------------------------------------------------
    | Redis
    |--------------------------------------------------------------------------
    |
    | The connection in config/database.php that on_failure "redis" uses.
    | Left out: the default one.
    |
    */

    'redis' => env('RUSTECHO_REDIS_CONNECTION'),

    /*
    |--------------------------------------------------------------------------
    | Breaker
    |--------------------------------------------------------------------------
    |
    | After a failure the process leaves the sidecar alone, for a 16th of
    | this many milliseconds (0 to 600000), then for twice as long each time,
    | at most for all of it. 0 asks every time. Left out: the ini setting
    | rustecho.breaker_ms, else 1000.
    |
    */

    'breaker_ms' => env('RUSTECHO_BREAKER_MS'),

    /*
    |--------------------------------------------------------------------------
    | Spool
    |--------------------------------------------------------------------------
    |
    | The folder that on_failure "spool" writes to, the same as spool.path in
    | rustecho.json, an absolute path; the sidecar makes it. Left out: the
    | ini setting rustecho.spool, else /var/spool/rustecho for a socket under
    | /run, and the folder "spool" beside the socket otherwise. The second is
    | the most bytes of all files there; over it, publishing throws. 256 MiB
    | if left out.
    |
    */

    'spool' => env('RUSTECHO_SPOOL'),

    'spool_max_bytes' => env('RUSTECHO_SPOOL_MAX_BYTES'),

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
        | by "|", since a comma separates the parameters of one. Empty or
        | false: none.
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

    'health' => [

        /*
        |----------------------------------------------------------------------
        | Laravel's /up
        |----------------------------------------------------------------------
        |
        | Whether /up (Laravel 11 and newer) answers 500 while the sidecar is
        | away. Off by default: the application still serves its pages, and
        | its events wait in the spool.
        |
        */

        'up' => env('RUSTECHO_HEALTH_UP', false),

    ],

    'sidecar' => [

        /*
        |----------------------------------------------------------------------
        | Program
        |----------------------------------------------------------------------
        |
        | What php artisan rustecho:start runs: a name to look for in PATH, or
        | a path.
        |
        */

        'binary' => env('RUSTECHO_BIN', 'rustecho'),

        /*
        |----------------------------------------------------------------------
        | Address
        |----------------------------------------------------------------------
        |
        | Where the sidecar answers HTTP on this machine, for the doctor. Left
        | out: as RUSTECHO_PORT and RUSTECHO_HOST say, else rustecho.json in
        | the application's folder, else http://127.0.0.1:6001. Where the
        | machine's /etc/rustecho/rustecho.json is read, those variables do not
        | count: its service has an environment of its own.
        |
        */

        'url' => env('RUSTECHO_API_URL'),

    ],

];
