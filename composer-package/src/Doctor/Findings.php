<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

use LogicException;

/** The list of everything a doctor can find: resources/findings.json, from which docs/troubleshooting.md is made too. */
final class Findings
{
    private const FILE = __DIR__ . '/../../resources/findings.json';

    /** @var array<string, array{finding: string, advice: string}>|null by id */
    private static ?array $all = null;

    /**
     * @param array<string, string|int> $values for the names in braces
     *
     * @return array{string, string} what was found, and what to do about it
     */
    public static function words(string $id, array $values): array
    {
        $words = self::all()[$id] ?? throw new LogicException("resources/findings.json has no finding \"$id\"");
        $filled = [];
        foreach ($values as $name => $value) {
            $filled['{' . $name . '}'] = (string) $value;
        }

        return [strtr($words['finding'], $filled), strtr($words['advice'], $filled)];
    }

    /** @return array<string, array{finding: string, advice: string}> */
    private static function all(): array
    {
        if (self::$all === null) {
            $list = json_decode((string) file_get_contents(self::FILE), true, 16, JSON_THROW_ON_ERROR);
            self::$all = array_column(array_merge(...array_column($list['symptoms'], 'findings')), null, 'id');
        }

        return self::$all;
    }
}
