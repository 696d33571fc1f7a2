<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Sidecar\Unreachable;
use RuntimeException;

/** The application under PHP's own web server. */
final class RealSite
{
    private const WORKERS = '4'; // an event may make the sidecar ask back while its request still runs

    public readonly string $url;
    private Running $process;

    /**
     * @param array<string, string> $env of the application
     * @param list<string>|null $php the command; null: as the tests themselves run
     */
    public function __construct(RealApp $app, array $env, ?int $port = null, ?array $php = null)
    {
        $port ??= Ports::free();
        $this->url = "http://127.0.0.1:$port";
        $command = [...$php ?? RealApp::php(), '-S', "127.0.0.1:$port", '-t', 'public', 'public/index.php'];
        $this->process = $app->start($command, $env + ['PHP_CLI_SERVER_WORKERS' => self::WORKERS, 'APP_URL' => $this->url]);
        Wait::until(function (): bool {
            try {
                return Http::request('GET', "$this->url/nothing-here")['status'] > 0;
            } catch (Unreachable) {
                return false;
            }
        }, "the site answers at $this->url");
    }

    /** Runs a scenario of the application in a request. @param array<string, string> $headers */
    public function run(string $scenario, array $headers = []): void
    {
        $answer = Http::request('GET', "$this->url/run/$scenario", $headers + ['Accept' => 'application/json'], '', 20.0);
        if ($answer['status'] !== 200) {
            $body = substr($answer['body'], 0, 2_000);
            throw new RuntimeException("The scenario $scenario answered {$answer['status']}: $body");
        }
    }

    /** The session cookie of somebody who has logged in. */
    public function login(int $user): string
    {
        $answer = Http::request('GET', "$this->url/login/$user", ['Accept' => 'application/json'], '', 20.0);
        if ($answer['status'] !== 200 || preg_match('/visitor=[^;]+/', $answer['headers']['set-cookie'] ?? '', $cookie) !== 1) {
            throw new RuntimeException("The login answered {$answer['status']}: " . substr($answer['body'], 0, 2_000));
        }

        return $cookie[0];
    }

    public function stop(): void
    {
        $this->process->end();
    }
}
