<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Publishers;

use Composer\InstalledVersions;
use Psr\Log\LoggerInterface;
use Rustecho\ConnectException;
use Rustecho\InvalidEventException;
use Rustecho\Laravel\Contracts\Publisher;
use Rustecho\Laravel\Receipt;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Wire\Connection;
use Rustecho\Laravel\Wire\ConnectionLost;
use Rustecho\Laravel\Wire\Deadline;
use Rustecho\Laravel\Wire\Frame;
use Rustecho\Laravel\Wire\Ids;
use Rustecho\RefusedException;
use Throwable;

/**
 * The pure-PHP client, for where the extension is not loaded.
 *
 * It keeps one connection while the process, under php-fpm the request, lasts. Connecting, writing and waiting for the receipt
 * share one deadline. After an error the connection is closed, so that no half frame is left for the next event.
 */
final class StreamPublisher implements Publisher
{
    private readonly string $path;
    private readonly int $timeoutMs;
    private readonly bool $receipt;
    private readonly Ids $ids;
    private ?Connection $connection = null;
    private int $openedBy = 0;
    private ?int $maxData = null;

    public function __construct(Settings $settings, private readonly LoggerInterface $log)
    {
        $this->path = $settings->socketPath();
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

        return $this->overConnection($deadline, fn (Connection $open): Receipt => $this->exchange($open, $id, $frame, $deadline));
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
        return $this->overConnection($deadline, function (Connection $open) use ($deadline): array {
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
                throw new RefusedException("the sidecar refused the event: {$message['message']}", $message['code']);
            }
            $this->note($message);
        }

        return new Receipt(bin2hex($id), null, false);
    }

    /**
     * Runs an exchange on the kept connection; when that turns out to be broken, once more on a new one.
     *
     * @template T
     * @param callable(Connection): T $exchange
     * @return T
     */
    private function overConnection(Deadline $deadline, callable $exchange): mixed
    {
        try {
            try {
                return $exchange($this->opened($deadline));
            } catch (ConnectionLost) {
                $this->close();
                $this->connection = $this->introduced(Connection::reopen($this->path, $deadline), $deadline);

                return $exchange($this->connection);
            }
        } catch (ConnectionLost $lost) {
            $this->close();
            throw new ConnectException(
                "the sidecar at $this->path closed the connection twice ({$lost->getMessage()}); the event may have arrived. "
                . 'Its log says why; see unixSocket.allowedUids.',
            );
        } catch (RefusedException $refused) {
            // After these two the sidecar closes; after the others the connection is as good as before.
            if (in_array($refused->getCode(), [1, 2], true)) {
                $this->close();
            }
            throw $refused;
        } catch (Throwable $error) {
            $this->close();
            throw $error;
        }
    }

    private function opened(Deadline $deadline): Connection
    {
        if ($this->connection !== null && $this->openedBy !== getmypid()) {
            $this->close();
        }

        return $this->connection ??= $this->introduced(Connection::open($this->path, $deadline), $deadline);
    }

    private function introduced(Connection $open, Deadline $deadline): Connection
    {
        $this->openedBy = (int) getmypid();
        $this->maxData = null;
        $open->write(self::introduction(), $deadline);

        return $open;
    }

    private static function introduction(): string
    {
        $version = class_exists(InstalledVersions::class) && InstalledVersions::isInstalled('rustecho/laravel')
            ? (string) InstalledVersions::getPrettyVersion('rustecho/laravel') : 'dev';

        return Frame::hello(substr("rustecho-php/$version php/" . PHP_VERSION . ' ' . PHP_SAPI, 0, 255), (int) getmypid());
    }

    /** Data over the default limit is only written to a sidecar that has said that it takes so much. */
    private function checkSize(int $bytes, Deadline $deadline): void
    {
        if ($bytes <= ($this->maxData ?? Frame::DEFAULT_MAX_DATA_BYTES)) {
            return;
        }
        $limit = $this->maxData ?? $this->greet($deadline)['max_data'];
        if ($bytes > $limit) {
            throw new InvalidEventException(
                "the data has $bytes bytes; the sidecar's limit is $limit. Publish a reference instead.",
            );
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

    private function close(): void
    {
        $this->connection?->close();
        $this->connection = null;
    }
}
