<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Closure;
use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Throwable;

/** Why no queue can carry what a job is about. */
final class Unqueueable
{
    private const UTF8 = 'is not UTF-8';
    private const QUEUE = ', which no queue can carry';

    /** @var array<string, Contents> */
    private array $found = [];
    private bool $suspicious = false;
    /** Whether what is serialized has to be looked at: something is not UTF-8, or was not reached. */
    private bool $unsure = false;

    /** @param object $subject of the job: what the application has made */
    public function __construct(private readonly object $job, private readonly object $subject)
    {
        foreach ((array) $subject as $property => $value) {
            $in = $this->found[(string) $property] = Contents::of($value);
            $this->unsure = $this->unsure || $in->notUtf8 || $in->tooMuch;
            $this->suspicious = $this->suspicious || $this->unsure || $in->resource || $in->recursion;
        }
    }

    /** Whether it is worth a closer look. */
    public function isSuspicious(): bool
    {
        return $this->suspicious;
    }

    /** @param Closure(string): bool $isData whether a browser gets what is in the property: what it does not may be anything */
    public function reason(Closure $isData): ?string
    {
        foreach ($this->found as $property => $in) {
            if (($in->resource || $in->recursion) && $isData((string) $property)) {
                $left = Contents::serialized($this->subject, (string) $property);
                if ($left->recursion) {
                    return $this->says((string) $property, 'is a recursion, or nested more than ' . Contents::DEPTH . ' deep');
                }
                if ($left->resource) {
                    return $this->says((string) $property, 'is a resource');
                }
            }
        }

        return $this->isUtf8() ? null : $this->whatIsNotUtf8();
    }

    /** Laravel makes JSON of what it has serialized, and names nothing when that fails. What is encrypted arrives. */
    private function isUtf8(): bool
    {
        if (! $this->unsure || $this->job instanceof ShouldBeEncrypted || ($this->job->shouldBeEncrypted ?? false)) {
            return true;
        }
        try {
            return preg_match('//u', serialize(clone $this->job)) === 1;
        } catch (Throwable) {
            // Laravel says the same in a moment.
            return true;
        }
    }

    private function whatIsNotUtf8(): string
    {
        foreach ($this->found as $property => $in) {
            if ($in->notUtf8) {
                return $this->says((string) $property, self::UTF8);
            }
        }

        return 'something in it ' . self::UTF8 . self::QUEUE;
    }

    private function says(string $property, string $wrong): string
    {
        $name = substr((string) strrchr("\0$property", "\0"), 1);
        $value = ((array) $this->subject)[$property];
        $where = is_array($value) || is_object($value) ? "its property \$$name has something in it that" : "its property \$$name";

        return "$where $wrong" . self::QUEUE;
    }
}
