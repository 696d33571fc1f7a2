<?php

declare(strict_types=1);

namespace App;

/** The broadcast connections among which the page lets a visitor choose, and why one of them may be off. */
final class Roads
{
    private const NAMES = [
        'extension' => ['Extension', 'Rust in PHP, Unix socket'],
        'php' => ['Pure PHP', 'the same Unix socket, no extension'],
        'http' => ['HTTP', 'POST to the sidecar\'s API'],
        'redis' => ['Redis', 'PUBLISH, the old road'],
    ];

    /** @return list<array{id: string, name: string, how: string, off: ?string}> */
    public static function all(): array
    {
        $roads = [];
        foreach (self::NAMES as $id => [$name, $how]) {
            $roads[] = ['id' => $id, 'name' => $name, 'how' => $how, 'off' => self::whyOff($id)];
        }

        return $roads;
    }

    public static function isOpen(string $id): bool
    {
        return isset(self::NAMES[$id]) && self::whyOff($id) === null;
    }

    private static function whyOff(string $id): ?string
    {
        switch ($id) {
            case 'extension':
                return extension_loaded('rustecho') ? null : 'off: the extension is not loaded';
            case 'http':
                return config('broadcasting.connections.http.key') ? null : 'off: no API client is configured';
            case 'redis':
                return config('database.redis.default.port') ? null : 'off: no Redis runs here, nobody needs it';
            default:
                return null;
        }
    }
}
