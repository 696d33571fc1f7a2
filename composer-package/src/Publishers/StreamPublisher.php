<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Composer\InstalledVersions;
use Psr\Log\LoggerInterface;
use Rustecho\InvalidEvent;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Wire\Connection;
use Rustecho\Laravel\Wire\Deadline;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Laravel\Wire\Ids;
use Rustecho\Laravel\Wire\KeptConnection;
use Rustecho\Refused;

/**
 * The pure-PHP client, for where the extension is not loaded.
 *
 * It keeps one connection while the process, under php-fpm the request, lasts. Connecting, writing and waiting for the receipt
 * share one deadline.
 */
final class StreamPublisher implements Publisher
{
    private readonly KeptConnection $kept;
    private readonly int $timeoutMs;
    private readonly bool $receipt;
    private readonly Ids $ids;
    private ?int $maxData = null;

    public function __construct(Settings $settings, private readonly LoggerInterface $log)
    {
        $this->kept = new KeptConnection($settings->socketPath(), self::introduction(...));
        $this->timeoutMs = $settings->timeoutOrDefault();
        $this->receipt = $settings->wantsReceipt();
        $this->ids = new Ids();
    }

    public function publish(array $channels, string $event, string $json, ?string $socketId): Receipt
    {
        $deadline = Deadline::after($this->timeoutMs);
        $id = $this->ids->next();
        $time = (int) (microtime(true) * 1_000_000);
        $frame = Frame::publish($id, $channels, $event, $json, $socketId ?? '', $this->receipt, $time);
        $this->checkSize(strlen($json), $deadline);

        return $this->kept->run($deadline, fn (Connection $open): Receipt => $this->exchange($open, $id, $frame, $deadline));
    }

    /**
     * Asks the sidecar whether it is there.
     *
     * @return array{sidecar: string, oldest: int, newest: int, max_data: int, ...}
     *
     * @throws \Rustecho\Exception
     */
    public function hello(): array
    {
        return $this->greet(Deadline::after($this->timeoutMs));
    }

    /** @return array<string, mixed> */
    private function greet(Deadline $deadline): array
    {
        return $this->kept->run($deadline, function (Connection $open) use ($deadline): array {
            $open->write(self::introduction(), $deadline);
            do {
                $message = $open->read($deadline);
                $this->note($message);
            } while ($message['kind'] !== Frame::WELCOME);

            return $message;
        });
    }

    private function exchange(Connection $open, string $id, string $frame, Deadline $deadline): Receipt
    {
        foreach ($this->receipt ? [] : $open->drain() as $message) {
            $this->note($message);
        }
        $open->write($frame, $deadline);
        while ($this->receipt) {
            $message = $open->read($deadline);
            if ($message['kind'] === Frame::RECEIPT && $message['id'] === $id) {
                return new Receipt(bin2hex($id), $message['subscribers'], true);
            }
            if ($message['kind'] === Frame::REFUSAL && in_array($message['id'], [$id, str_repeat("\0", Frame::ID_BYTES)], true)) {
                throw new Refused("the sidecar refused the event: {$message['message']}", $message['code']);
            }
            $this->note($message);
        }

        return new Receipt(bin2hex($id), null, false);
    }

    private static function introduction(): string
    {
        $version = class_exists(InstalledVersions::class) && InstalledVersions::isInstalled('rustecho/laravel')
            ? (string) InstalledVersions::getPrettyVersion('rustecho/laravel') : 'dev';

        return Frame::hello(substr("rustecho-php/$version php/" . PHP_VERSION . ' ' . PHP_SAPI, 0, 255), (int) getmypid());
    }

    /** Data over the limit as far as it is known is only written when the sidecar says that it takes so much by now. */
    private function checkSize(int $bytes, Deadline $deadline): void
    {
        if ($bytes <= ($this->maxData ?? Frame::DEFAULT_MAX_DATA_BYTES)) {
            return;
        }
        $limit = $this->greet($deadline)['max_data'];
        if ($bytes > $limit) {
            throw new InvalidEvent("the data has $bytes bytes; the sidecar's limit is $limit. Publish a reference instead.");
        }
    }

    /** @param array<string, mixed> $message one that nobody waits for */
    private function note(array $message): void
    {
        if ($message['kind'] === Frame::WELCOME) {
            $this->maxData = $message['max_data'];
        }
        if ($message['kind'] === Frame::REFUSAL) {
            $this->log->warning('rustecho: the sidecar refused an earlier event, which asked for no receipt.', [
                'id' => bin2hex($message['id']),
                'code' => $message['code'],
                'reason' => $message['message'],
            ]);
        }
    }
}
