<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

/** Lines of an application's `.env`; everything but the values that are set stays as it is, byte for byte. */
final class EnvFile
{
    private const VALUE = '(?<value>"(?:[^"\\\\\r\n]|\\\\.)*+"|\'[^\'\r\n]*\'|[^#\r\n][^\r\n]*?|)';
    private const BEHIND = '(?=\h*(?:(?<=[\h="\'])#[^\r\n]*)?\r?$)(?=(?<comment>#?))';

    private function __construct(private readonly string $path, private string $text)
    {
    }

    public static function at(string $path): ?self
    {
        $text = is_file($path) ? file_get_contents($path) : false;

        return $text === false ? null : new self($path, $text);
    }

    /** The value as the last line of this name has it, without quotes; null when there is no such line. */
    public function get(string $key): ?string
    {
        if (preg_match_all($this->pattern($key), $this->text, $lines) === 0) {
            return null;
        }

        return trim((string) end($lines['value']), "\"'");
    }

    /** Replaces the value in every line of this name, or adds a line. */
    public function set(string $key, string $value): void
    {
        if ($this->get($key) === null) {
            $this->text .= ($this->text === '' || str_ends_with($this->text, "\n") ? '' : "\n") . "$key=$value\n";
        }
        // Without quotes around the value a blank has to part it from a comment.
        $line = static fn (array $old): string => $old[1] . $value . ($old['comment'] === '' ? '' : ' ');
        $this->text = preg_replace_callback($this->pattern($key), $line, $this->text) ?? $this->text;
    }

    public function save(): bool
    {
        return @file_put_contents($this->path, $this->text, LOCK_EX) !== false;
    }

    /** A value ends before the blanks and the comment behind it. */
    private function pattern(string $key): string
    {
        return '/^(\h*(?:export\h+)?' . preg_quote($key, '/') . '\h*=\h*)' . self::VALUE . self::BEHIND . '/m';
    }
}
