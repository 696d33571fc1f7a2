<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/** What a check found, in one sentence, and what to do about it. */
final class Finding
{
    public const GOOD = 'ok';
    public const NOTE = 'note';
    public const PROBLEM = 'PROBLEM';

    private function __construct(
        public readonly string $level,
        public readonly string $text,
        public readonly string $advice = '',
        public readonly string $id = '',
    ) {
    }

    public static function good(string $text): self
    {
        return new self(self::GOOD, $text);
    }

    /**
     * Worth knowing; nothing is broken, or it could not be looked at.
     *
     * @param array<string, string|int> $values for the names in braces of the list's words
     */
    public static function note(string $id, array $values = []): self
    {
        return new self(self::NOTE, ...[...Findings::words($id, $values), $id]);
    }

    /** @param array<string, string|int> $values as above */
    public static function problem(string $id, array $values = []): self
    {
        return new self(self::PROBLEM, ...[...Findings::words($id, $values), $id]);
    }

    public function isProblem(): bool
    {
        return $this->level === self::PROBLEM;
    }
}
