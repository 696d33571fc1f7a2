<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use Rustecho\Laravel\Tests\Support\Nginx;
use Rustecho\Laravel\Tests\Support\Ports;

/**
 * The doctor behind a real nginx.
 *
 * @group nginx
 */
#[\PHPUnit\Framework\Attributes\Group('nginx')]
final class WebServerTest extends BehaviourTestCase
{
    private const DEPLOYED = __DIR__ . '/../../../deploy/nginx/rustecho.conf';

    private ?Nginx $nginx = null;

    protected function tearDown(): void
    {
        $this->nginx?->stop();
    }

    public function testTheSnippetLetsWebsocketsThrough(): void
    {
        [$status, $output] = $this->behind((string) file_get_contents(self::DEPLOYED));

        self::assertSame(0, $status, $output);
        self::assertStringContainsString('lets websockets through', $output);
    }

    public function testWithoutTheUpgradeHeaders(): void
    {
        $snippet = (string) preg_replace('/^.*(Upgrade|\$http_connection).*$/m', '', (string) file_get_contents(self::DEPLOYED));

        [$status, $output] = $this->behind($snippet);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('site-no-websocket', $output);
        self::assertStringContainsString('does not pass on the headers Upgrade and Connection', $output);
        self::assertStringContainsString('see deploy/nginx/rustecho.conf', $output);
    }

    public function testWithoutTheSnippet(): void
    {
        [$status, $output] = $this->behind('');

        self::assertSame(1, $status);
        self::assertOneProblem('site-not-proxied', $output);
        self::assertStringContainsString('/socket.io/ answers 404: it does not lead to the sidecar', $output);
    }

    public function testWithAWrongPort(): void
    {
        $snippet = str_replace(':6001', ':' . Ports::free(), (string) file_get_contents(self::DEPLOYED));

        [$status, $output] = $this->behind($snippet);

        self::assertSame(1, $status);
        self::assertOneProblem('site-cannot-reach', $output);
        self::assertStringContainsString('cannot reach the sidecar (502)', $output);
    }

    /** @return array{int, string} what the doctor says when pages come through this snippet */
    private function behind(string $snippet): array
    {
        $port = Ports::free();
        $this->nginx = new Nginx($port, str_replace(':6001', ':' . self::$sidecar->port, $snippet));

        return self::$app->artisan(
            ['rustecho:doctor', '--config=' . self::$sidecar->config, "--url=http://127.0.0.1:$port"],
            self::env(['APP_URL' => "http://127.0.0.1:$port"]),
        );
    }
}
