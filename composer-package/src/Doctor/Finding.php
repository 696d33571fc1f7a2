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
    ) {
    }

    public static function good(string $text): self
    {
        return new self(self::GOOD, $text);
    }

    /** Worth knowing; nothing is broken, or it could not be looked at. */
    public static function note(string $text, string $advice = ''): self
    {
        return new self(self::NOTE, $text, $advice);
    }

    public static function problem(string $text, string $advice): self
    {
        return new self(self::PROBLEM, $text, $advice);
    }

    public function isProblem(): bool
    {
        return $this->level === self::PROBLEM;
    }
}
