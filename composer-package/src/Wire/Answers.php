<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Psr\Log\LoggerInterface;
use Rustecho\Laravel\Publishers\Warnings;
use Rustecho\Laravel\Receipt;
use Rustecho\Refused;

/** What the sidecar says: about the event that is waited for, about earlier ones, and about itself. */
final class Answers
{
    /** The most bytes of data that the sidecar takes; null: it has not said. */
    public ?int $maxData = null;

    public function __construct(
        private readonly Pending $pending,
        private readonly LoggerInterface $log,
        private readonly ?Warnings $warnings = null,
    ) {
    }

    /** @throws \Rustecho\Exception also when the sidecar refuses the event */
    public function receipt(Connection $open, string $id, Deadline $deadline): Receipt
    {
        while (true) {
            $message = $open->read($deadline);
            if ($message['kind'] === Frame::RECEIPT && $message['id'] === $id) {
                return new Receipt(bin2hex($id), $message['subscribers'], true);
            }
            if ($message['kind'] === Frame::REFUSAL && in_array($message['id'], [$id, Frame::NO_ID], true)) {
                throw new Refused("the sidecar refused the event: {$message['message']}", $message['code']);
            }
            $this->note($message);
        }
    }

    /**
     * @return array<string, mixed> what the sidecar says of itself, whatever it speaks
     *
     * @throws Refused it does not take this connection
     */
    public function welcome(Connection $open, Deadline $deadline): array
    {
        while (($message = $open->read($deadline))['kind'] !== Frame::WELCOME) {
            if ($message['kind'] === Frame::REFUSAL && $message['id'] === Frame::NO_ID) {
                throw new Refused("the sidecar refused the connection: {$message['message']}", $message['code']);
            }
            $this->note($message);
        }
        $this->maxData = $message['max_data'];
        $this->warnings?->sidecarIs($message['sidecar']);

        return $message;
    }

    /** @param array<string, mixed> $message one that nobody waits for */
    public function note(array $message): void
    {
        if ($message['kind'] === Frame::WELCOME) {
            $this->maxData = $message['max_data'];
            Introduction::check($message);
            $this->warnings?->sidecarIs($message['sidecar']);
        } elseif ($message['kind'] === Frame::RECEIPT) {
            $this->pending->accepted($message['id']);
        } elseif ($message['kind'] === Frame::REFUSAL) {
            $this->noteRefusal($message);
        }
    }

    /** @param array<string, mixed> $message */
    private function noteRefusal(array $message): void
    {
        ['id' => $id, 'code' => $code, 'message' => $reason] = $message;
        if ($this->pending->has($id) && $code === Frame::TRY_LATER) {
            throw new Refused("the sidecar refused the event: $reason", Frame::TRY_LATER);
        }
        if (! $this->pending->refused($id, $code, $reason)) {
            $this->log->warning('rustecho: the sidecar refused an earlier event, which asked for no receipt.', [
                'id' => bin2hex($id),
                'code' => $code,
                'reason' => $reason,
            ]);
        }
    }
}
