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
            yield Finding::problem($silence->getMessage(), 'Name the address at which pages find the sidecar: --url=https://….');

            return;
        }
        yield match (true) {
            $socket === 101 && $poll === 200 => Finding::good("$url/socket.io/ answers, and lets websockets through"),
            $poll === 502 || $poll === 503 || $poll === 504 => Finding::problem(
                "the web server at $url cannot reach the sidecar ($poll)",
                'Is the sidecar running, on the port that proxy_pass in the nginx snippet names?',
            ),
            $poll !== 200 => Finding::problem(
                "$url/socket.io/ answers $poll: it does not lead to the sidecar",
                'Include deploy/nginx/rustecho.conf in the site, or name the address that pages use: --url=https://….',
            ),
            default => Finding::problem(
                "$url takes no websocket (" . ($socket ?: 'it breaks off') . '): '
                    . 'the web server does not pass on the headers Upgrade and Connection',
                'nginx needs proxy_http_version 1.1, and proxy_set_header for both: see deploy/nginx/rustecho.conf. '
                    . 'Until then pages use long polling, which is slower.',
            ),
        };
    }
}
