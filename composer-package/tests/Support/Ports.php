<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use RuntimeException;

final class Ports
{
    /** Below those that the kernel gives to outgoing connections. */
    private const FIRST = 20_000;
    private const LAST = 32_000;
    private const TRIES = 100;

    /** @var list<resource> */
    private static array $claims = [];

    /** A TCP port on loopback that nobody listens on, and that no other test run gets while this one lasts. */
    public static function free(): int
    {
        for ($try = 0; $try < self::TRIES; $try++) {
            $port = random_int(self::FIRST, self::LAST);
            // A name without a file: it goes with its process, and is the same in every root tree.
            $claim = @stream_socket_server("unix://\0rustecho-tests-port-$port");
            $listener = $claim === false ? false : @stream_socket_server("tcp://127.0.0.1:$port");
            if ($listener !== false) {
                fclose($listener);
                self::$claims[] = $claim;

                return $port;
            }
        }

        throw new RuntimeException('no free port');
    }
}
