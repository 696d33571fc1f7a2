<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Pulse;

use Illuminate\Contracts\Config\Repository;
use Laravel\Pulse\Pulse;
use Rustecho\Laravel\Events\EventPublished;
use Rustecho\Laravel\Events\PublishFailed;

/**
 * Pulse's recorder of published events: how many, how slow, how many failed or were spooled, by event and kind of channel.
 *
 * In config/pulse.php: `'recorders' => [\Rustecho\Laravel\Pulse\Publishes::class => ['sample_rate' => 1, 'ignore' => []], …]`.
 */
final class Publishes
{
    public const PUBLISHED = 'rustecho_published';
    public const FAILED = 'rustecho_failed';
    public const SPOOLED = 'rustecho_spooled';

    private const CHANNELS = 3;

    /** @var list<class-string> as Pulse wants it */
    public array $listen = [EventPublished::class, PublishFailed::class];

    public function __construct(private readonly Pulse $pulse, private readonly Repository $config)
    {
    }

    public function record(EventPublished|PublishFailed $event): void
    {
        $settings = (array) $this->config->get('pulse.recorders.' . self::class, []);
        if ($this->isLeftOut($settings, $event->event)) {
            return;
        }
        $key = self::key($event->event, $event->channels);
        $time = time();
        if ($event instanceof PublishFailed) {
            $this->pulse->record(self::FAILED, $key, null, $time)->count();

            return;
        }
        // Pulse keeps whole numbers, and a publish takes some microseconds.
        $this->pulse->record(self::PUBLISHED, $key, (int) round($event->milliseconds * 1_000), $time)->max()->count();
        if ($event->spooled || $event->diverted) {
            $this->pulse->record(self::SPOOLED, $key, null, $time)->count();
        }
    }

    /**
     * Event and kinds of channels: `private-orders.17` and `private-orders.18` are one, or the table would never end.
     *
     * @param list<string> $channels
     */
    public static function key(string $event, array $channels): string
    {
        $kind = static fn (string $name): string => (string) preg_replace(
            '/(?<=^|[.\-_:])(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-hjkmnp-tv-z]{26})(?=$|[.\-_:])/i',
            '*',
            $name,
        );
        $kinds = array_values(array_unique(array_map($kind, $channels)));
        $shown = implode(', ', array_slice($kinds, 0, self::CHANNELS)) . (count($kinds) > self::CHANNELS ? ', …' : '');

        return json_encode([$event, $shown], JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR);
    }

    /** @param array<string, mixed> $settings */
    private function isLeftOut(array $settings, string $event): bool
    {
        foreach ((array) ($settings['ignore'] ?? []) as $pattern) {
            if (preg_match($pattern, $event) === 1) {
                return true;
            }
        }
        $rate = (float) ($settings['sample_rate'] ?? 1);

        return $rate < 1 && mt_rand() / mt_getrandmax() >= $rate;
    }
}
