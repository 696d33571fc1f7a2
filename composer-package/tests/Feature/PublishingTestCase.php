<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\TestProvider;

/** A booted application, and a sidecar that accepts its events, or says why not. */
abstract class PublishingTestCase extends SidecarTestCase
{
    protected function setUp(): void
    {
        $refusal = static::refusal(...);
        parent::setUp();
        $this->sidecar->start(static function (FakePeer $peer) use ($refusal): void {
            while (($publish = $peer->readPublish()) !== null) {
                $no = $refusal($publish);
                $no === null ? $peer->receipt($publish) : $peer->refuse($publish, ...$no);
            }
        });
        $this->boot(static::settings() + ['timeout_ms' => 5_000], static::providers());
    }

    /** @return array<string, mixed> of the application, beside the sidecar's socket */
    protected static function settings(): array
    {
        return [];
    }

    /** @return list<class-string> of the application itself */
    protected static function providers(): array
    {
        return [TestProvider::class];
    }

    /**
     * @param array<string, mixed> $publish
     * @return array{int, string}|null code and reason; null: the event is accepted
     */
    protected static function refusal(array $publish): ?array
    {
        return null;
    }

    /** @return array<string, array{callable(): mixed, string}> what JSON cannot be, or is too much, and what is said of it */
    protected static function unfit(): array
    {
        return [
            'NAN' => [static fn (): float => NAN, 'Inf and NaN'],
            'a recursion' => [static function (): array {
                $list = [];
                $list[] = &$list;

                return $list;
            }, 'ecursion'],
            '20 MB' => [static fn (): string => str_repeat('x', 20_000_000), 'limit'],
        ];
    }
}
