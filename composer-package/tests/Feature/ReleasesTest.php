<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Publishers\Seldom;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\OrderShipped;

/** A sidecar that speaks the package's protocol, and yet is of a release that was not made for it. */
final class ReleasesTest extends SidecarTestCase
{
    /** @dataProvider releases */
    #[DataProvider('releases')]
    public function testTheLogSaysOnceThatTheReleasesDoNotFit(string $transport, string $release, int $lines): void
    {
        Seldom::forget();
        $this->sidecar->start(static function (FakePeer $peer) use ($release): void {
            for ($count = 1; ($message = $peer->read()) !== null; $count++) {
                $message['kind'] === 'hello' ? $peer->welcome(version: $release) : $peer->receipt($message);
                if ($count === 2) {
                    $peer->close();

                    return;
                }
            }
        });
        foreach ([1, 2] as $request) {
            $this->boot(['transport' => $transport]);
            event(new OrderShipped($request, 'x'));
        }

        self::assertCount(2, $this->sidecar->received('publish', 2));
        $line = "WARNING: rustecho: the sidecar is $release, the package is 0.1.0, and they do not fit together: install one "
            . 'release of both.';
        self::assertSame($lines, substr_count($this->files->log(), $line), $this->files->log());
        self::assertSame($lines, substr_count($this->files->log(), 'WARNING'));
    }

    /** @return array<string, array{string, string, int}> */
    public static function releases(): array
    {
        return [
            'pure PHP' => ['php', '0.9.0', 1], 'what there is' => ['auto', '0.9.0', 1],
            'pure PHP, a patch release' => ['php', '0.1.7', 0], 'what there is, a patch release' => ['auto', '0.1.7', 0],
        ];
    }
}
