<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Sidecar\Handshake;
use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Sidecar\Unreachable;

/** Does a page reach the sidecar under the site's address, and does the web server let websockets through? */
final class UpgradeCheck implements Check
{
    private const PATH = '/socket.io/?EIO=4&transport=';

    public function run(Visit $visit): iterable
    {
        $url = rtrim($visit->publicUrl, '/');
        try {
            $poll = Http::request('GET', $url . self::PATH . 'polling')['status'];
            $socket = Handshake::status($url . self::PATH . 'websocket');
        } catch (Unreachable $silence) {
            yield Finding::problem('site-silent', ['reason' => rtrim($silence->getMessage(), '.')]);

            return;
        }
        yield match (true) {
            $socket === 101 && $poll === 200 => Finding::good("$url/socket.io/ answers, and lets websockets through"),
            $poll === 502 || $poll === 503 || $poll === 504 => Finding::problem(
                'site-cannot-reach',
                ['url' => $url, 'status' => $poll],
            ),
            $poll !== 200 => Finding::problem('site-not-proxied', ['url' => $url, 'status' => $poll]),
            default => Finding::problem('site-no-websocket', ['url' => $url, 'status' => $socket ?: 'it breaks off']),
        };
    }
}
