<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Psr\Log\LoggerInterface;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Settings;

/** Makes the publisher that the setting `transport` asks for. */
final class PublisherFactory
{
    /** @param string $noticeFile remembers that the notice about the missing extension has been logged */
    public function __construct(
        private readonly LoggerInterface $log,
        private readonly string $noticeFile,
    ) {
    }

    /** @throws InvalidOption when the transport is unknown, or is the extension and that is not loaded */
    public function make(Settings $settings): Publisher
    {
        return match ($settings->transport) {
            'auto' => self::extensionLoaded() ? new ExtensionPublisher($settings) : $this->fallback($settings),
            'extension' => self::extensionLoaded() ? new ExtensionPublisher($settings) : throw self::notLoaded(),
            'php' => new StreamPublisher($settings, $this->log),
            'null' => new NullPublisher(),
            default => throw new InvalidOption(
                "The rustecho setting \"transport\" is \"$settings->transport\", but has to be "
                . '"auto", "extension", "php" or "null". Correct RUSTECHO_TRANSPORT or config/rustecho.php.',
            ),
        };
    }

    public static function extensionLoaded(): bool
    {
        return extension_loaded('rustecho');
    }

    private function fallback(Settings $settings): Publisher
    {
        (new FallbackNotice($this->log, $this->noticeFile))->give();

        return new StreamPublisher($settings, $this->log);
    }

    private static function notLoaded(): InvalidOption
    {
        return new InvalidOption(
            'The rustecho setting "transport" is "extension", but the PHP extension is not loaded in ' . PHP_SAPI
            . '. Enable it (phpenmod rustecho), or set RUSTECHO_TRANSPORT to "auto" or "php".',
        );
    }
}
