<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/**
 * Channels that anybody may have who can name them: only the holder of the application's key can, and only for a minute.
 *
 * With them the doctor can ask for a channel without being a user of the application. Nothing but its own event is on them.
 */
final class ProbeChannel
{
    /** The doctor's user id there. */
    public const MEMBER = 'rustecho-doctor';
    private const PREFIX = 'presence-rustecho-doctor.';
    private const SECONDS = 60;

    public function __construct(private readonly string $key)
    {
    }

    /** @return string a name that will be granted */
    public function name(?int $now = null): string
    {
        $text = ($now ?? time()) + self::SECONDS . '.' . bin2hex(random_bytes(8));

        return self::PREFIX . "$text." . $this->signature($text);
    }

    public function grants(string $channel, ?int $now = null): bool
    {
        if (! str_starts_with($channel, self::PREFIX) || $this->key === '') {
            return false;
        }
        [$until, $nonce, $signature] = explode('.', substr($channel, strlen(self::PREFIX)), 3) + ['', '', ''];

        return hash_equals($this->signature("$until.$nonce"), $signature) && (int) $until >= ($now ?? time());
    }

    private function signature(string $text): string
    {
        return hash_hmac('sha256', "rustecho doctor $text", $this->key);
    }
}
