<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use Illuminate\Filesystem\Filesystem;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\Running;
use Rustecho\Laravel\Tests\Support\Wait;

/**
 * The doctor behind a real nginx.
 *
 * @group nginx
 */
#[\PHPUnit\Framework\Attributes\Group('nginx')]
final class WebServerTest extends BehaviourTestCase
{
    private const DEPLOYED = __DIR__ . '/../../../deploy/nginx/rustecho.conf';

    private string $folder;
    private ?Running $nginx = null;

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir() . '/rustecho-nginx-' . getmypid() . '-' . bin2hex(random_bytes(4));
        mkdir($this->folder);
    }

    protected function tearDown(): void
    {
        $this->nginx?->end();
        (new Filesystem())->deleteDirectory($this->folder);
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
        self::assertStringContainsString('Problems: 1.', $output);
        self::assertStringContainsString('does not pass on the headers Upgrade and Connection', $output);
        self::assertStringContainsString('see deploy/nginx/rustecho.conf', $output);
    }

    public function testWithoutTheSnippet(): void
    {
        [$status, $output] = $this->behind('');

        self::assertSame(1, $status);
        self::assertStringContainsString('/socket.io/ answers 404: it does not lead to the sidecar', $output);
    }

    public function testWithAWrongPort(): void
    {
        $snippet = str_replace(':6001', ':' . Ports::free(), (string) file_get_contents(self::DEPLOYED));

        [$status, $output] = $this->behind($snippet);

        self::assertSame(1, $status);
        self::assertStringContainsString('cannot reach the sidecar (502)', $output);
    }

    /** @return array{int, string} what the doctor says when pages come through this snippet */
    private function behind(string $snippet): array
    {
        $port = Ports::free();
        file_put_contents("$this->folder/snippet.conf", str_replace(':6001', ':' . self::$sidecar->port, $snippet));
        file_put_contents("$this->folder/nginx.conf", <<<NGINX
            daemon off;
            pid $this->folder/pid;
            error_log stderr;
            events {}
            http {
                access_log off;
                client_body_temp_path $this->folder/body;
                proxy_temp_path $this->folder/proxy;
                fastcgi_temp_path $this->folder/fastcgi;
                uwsgi_temp_path $this->folder/uwsgi;
                scgi_temp_path $this->folder/scgi;
                server {
                    listen 127.0.0.1:$port;
                    root $this->folder;
                    include $this->folder/snippet.conf;
                }
            }
            NGINX);
        $this->nginx = new Running(['nginx', '-e', 'stderr', '-c', "$this->folder/nginx.conf"], $this->folder);
        Wait::until(
            static fn (): bool => @fsockopen('127.0.0.1', $port) !== false,
            'nginx listens',
        );

        return self::$app->artisan(
            ['rustecho:doctor', '--config=' . self::$sidecar->config, "--url=http://127.0.0.1:$port"],
            self::env(['APP_URL' => "http://127.0.0.1:$port"]),
        );
    }
}
