<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use RuntimeException;

final class Ports
{
    /** A TCP port on loopback that nobody listens on at the moment. */
    public static function free(): int
    {
        $listener = stream_socket_server('tcp://127.0.0.1:0') ?: throw new RuntimeException('no free port');
        $name = (string) stream_socket_get_name($listener, false);
        fclose($listener);

        return (int) substr($name, (int) strrpos($name, ':') + 1);
    }
}
