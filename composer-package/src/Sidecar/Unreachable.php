<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Sidecar;

use RuntimeException;

/** Something that should answer under an address does not. */
final class Unreachable extends RuntimeException
{
    public static function because(string $url): self
    {
        $reason = (string) (error_get_last()['message'] ?? 'no answer');
        $reason = preg_replace('/^.*?(Failed to open stream|failed to open stream|stream_socket_client\(\)): /', '', $reason);

        return new self("no answer from $url (" . trim((string) $reason) . ')');
    }
}
