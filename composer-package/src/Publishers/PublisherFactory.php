<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Closure;
use Psr\Log\LoggerInterface;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Contracts\Fallback;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Delivery\Delivery;
use Rustecho\Laravel\Delivery\LogFallback;
use Rustecho\Laravel\Delivery\RedisFallback;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Version;

/** Makes the publisher that the setting `transport` asks for. */
final class PublisherFactory
{
    private ?Publisher $fake = null;

    /**
     * @param string $noticeFile remembers that the notice about the missing extension has been logged; those of other lines have
     *     names that begin so
     * @param Closure|null $redis gives Laravel's Redis connections
     * @param string|null $extension release of the extension; null: of the one that is loaded, if one is
     */
    public function __construct(
        private readonly LoggerInterface $log,
        private readonly string $noticeFile,
        private readonly ?Delivery $delivery = null,
        private readonly ?Closure $redis = null,
        private readonly ?string $extension = null,
    ) {
    }

    /** @throws InvalidOption when the transport is unknown, or is the extension and that cannot be used */
    public function make(Settings $settings): Publisher
    {
        $wrong = self::wrongWithExtension($this->extension ?? phpversion('rustecho'));

        return match ($settings->transport) {
            'auto' => $wrong === null ? $this->extension($settings) : $this->fallback($settings, $wrong),
            'extension' => $wrong === null ? $this->extension($settings) : throw self::notUsable($wrong),
            'php' => $this->php($settings, new QuietLog($this->log)),
            'null' => new NullPublisher(),
            default => throw new InvalidOption(
                "The rustecho setting \"transport\" is \"$settings->transport\", but has to be "
                . '"auto", "extension", "php" or "null". Correct RUSTECHO_TRANSPORT or config/rustecho.php.',
            ),
        };
    }

    /** What takes an event that the sidecar cannot be given; null: the road spools it or fails. */
    public function fallbackFor(Settings $settings): ?Fallback
    {
        return match ($settings->onFailure) {
            'redis' => new RedisFallback(
                $this->redis ?? throw new InvalidOption('The rustecho setting "on_failure" is "redis", but there is no Redis.'),
                $settings->redis,
            ),
            'log' => new LogFallback($this->log),
            default => null,
        };
    }

    /**
     * Runs the callback; the events that are broadcast in it travel in one write. See {@see Delivery::together()}.
     *
     * @template T
     * @param callable(): T $callback
     * @return T
     */
    public function together(callable $callback): mixed
    {
        return $this->delivery === null ? $callback() : $this->delivery->together($callback);
    }

    /** Collects the receipts of deferred events now, in a process that does not end for long. */
    public function collect(): void
    {
        $this->delivery?->collect();
    }

    /** From now on takes every event of the application, whatever the settings say. */
    public function replaceBy(Publisher $fake): void
    {
        $this->fake = $fake;
    }

    public function fake(): ?Publisher
    {
        return $this->fake;
    }

    /** Why the extension cannot be used, null where it can. @param string|false $release of the loaded one, false without */
    public static function wrongWithExtension(string|false $release): ?string
    {
        if ($release === false) {
            return 'the extension is not loaded';
        }

        return Version::fits($release, Version::PACKAGE) ? null : "the extension is $release, the package is "
            . Version::PACKAGE . ', and they do not fit together: install one release of both';
    }

    private function fallback(Settings $settings, string $reason): Publisher
    {
        $log = new QuietLog($this->log);
        (new FallbackNotice($log, new Seldom($this->noticeFile)))->give($reason);

        return $this->php($settings, $log);
    }

    private function php(Settings $settings, QuietLog $log): Publisher
    {
        return new StreamPublisher($settings, $log, new Warnings($log, new Seldom($this->noticeFile)));
    }

    private function extension(Settings $settings): Publisher
    {
        return new ExtensionPublisher($settings, new Warnings(new QuietLog($this->log), new Seldom($this->noticeFile)));
    }

    private static function notUsable(string $reason): InvalidOption
    {
        return new InvalidOption(
            "The rustecho setting \"transport\" is \"extension\", but in " . PHP_SAPI . " $reason. "
            . 'Install and enable it (make install-ext), or set RUSTECHO_TRANSPORT to "auto" or "php".',
        );
    }
}
