<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use PHPUnit\Framework\Attributes\DataProvider;
use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Tests\Support\FakePeer;
use Rustecho\Laravel\Tests\Support\FakeSidecar;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\RealSite;
use Rustecho\Laravel\Tests\Support\Scratch;
use Rustecho\Laravel\Tests\Support\Wait;

/** The doctor in front of a patient that has exactly one illness. */
final class DoctorTest extends BehaviourTestCase
{
    public function testAHealthyInstallationIsFoundHealthy(): void
    {
        [$status, $output] = $this->doctor();

        self::assertSame(0, $status, $output);
        foreach (
            [
                'the connection "rustecho"',
                // `php -S` runs as who runs the tests, root too
                'the user ' . posix_getpwuid(posix_geteuid())['name'] . ' may write', 'the sidecar 0.1.0 answers',
                'are kept in ' . self::$sidecar->folder . '/spool while', 'Redis is not used',
                'answers 200 for a channel that is granted', '403 for a channel that is denied', 'arrives at a subscriber',
                'browsers send the session cookie', 'lets websockets through', 'Everything that was looked at is in order.',
            ] as $good
        ) {
            self::assertStringContainsString($good, $output);
        }
    }

    public function testItLeavesNobodyBehind(): void
    {
        $admin = Ports::free();
        $sidecar = (new RealSidecar(['authHost' => self::$site->url, 'admin' => $admin]))->start();
        $env = ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url];
        [$status, $output] = $this->doctor($env, ["--config=$sidecar->config", "--url=$sidecar->url"]);
        $look = static fn (): array => Http::request('GET', "http://127.0.0.1:$admin/api/status");

        // Kept for a client that comes back they would stay for two minutes.
        $gone = static fn (): bool => json_decode($look()['body'], true)['members'] === 0;
        Wait::until($gone, 'the doctor has left its channels');
        $sidecar->stop();
        self::assertSame(0, $status, $output);
    }

    /**
     * @dataProvider illnesses
     * @param array<string, string> $env
     * @param list<string> $arguments
     * @param list<string> $says the finding and its advice
     */
    #[DataProvider('illnesses')]
    public function testOneThingIsBroken(string $id, array $env, array $arguments, array $says): void
    {
        [$status, $output] = $this->doctor($env, $arguments);

        self::assertSame(1, $status, $output);
        self::assertOneProblem($id, $output);
        foreach ($says as $text) {
            self::assertStringContainsString($text, $output);
        }
    }

    /** @return array<string, array{string, array<string, string>, list<string>, list<string>}> */
    public static function illnesses(): array
    {
        return [
            'another driver' => [
                'driver', ['BROADCAST_DRIVER' => 'log', 'BROADCAST_CONNECTION' => 'log'], [],
                ['events go to the connection "log", not to rustecho', 'php artisan rustecho:install'],
            ],
            'events thrown away' => [
                'transport-null', ['RUSTECHO_TRANSPORT' => 'null'], [],
                ['the transport is "null"', 'RUSTECHO_TRANSPORT=auto'],
            ],
            'a cookie of another domain' => [
                'cookie-refused', ['SESSION_DOMAIN' => '.shop.example'], [],
                ['its domain is shop.example, the site is 127.0.0.1', 'Correct SESSION_DOMAIN'],
            ],
            'a cookie for https only' => [
                'cookie-https', ['SESSION_SECURE_COOKIE' => 'true'], [],
                ['over https only', 'SESSION_SECURE_COOKIE=false'],
            ],
            'a cookie that stays with the site' => [
                'cookie-elsewhere', ['APP_URL' => 'http://localhost'], [],
                ['do not send the session cookie to 127.0.0.1, since it belongs to localhost', 'deploy/nginx'],
            ],
            'a wrong setting' => [
                'setting-wrong', ['RUSTECHO_TIMEOUT_MS' => 'soon'], [],
                ['"timeout_ms" is \'soon\'', 'RUSTECHO_TIMEOUT_MS'],
            ],
            'a configuration that is not there' => [
                'setting-wrong', [], ['--config=/nowhere/rustecho.json'],
                ['/nowhere/rustecho.json cannot be read'],
            ],
        ];
    }

    public function testNoExtensionWhereItIsAskedFor(): void
    {
        if (extension_loaded('rustecho')) {
            [$status, $output] = $this->doctor();
            self::assertStringContainsString('the extension 0.1.0 is loaded', $output);
            self::assertSame(0, $status, $output);

            return;
        }
        [$status, $output] = $this->doctor(['RUSTECHO_TRANSPORT' => 'extension']);

        self::assertSame(1, $status);
        self::assertOneProblem('extension-required', $output);
        self::assertStringContainsString('the extension is not loaded in PHP ' . PHP_VERSION, $output);
        self::assertStringContainsString('make install-ext', $output);
    }

    public function testNoSocket(): void
    {
        mkdir($spool = Scratch::path('spool'));
        chmod($spool, 03777);
        [$status, $output] = $this->doctor(['RUSTECHO_SOCKET' => '/run/nowhere.sock', 'RUSTECHO_SPOOL' => $spool]);

        self::assertSame(1, $status);
        self::assertOneProblem('socket-missing', $output);
        self::assertSame([], glob("$spool/*"), 'what the doctor publishes is not kept for later');
        self::assertStringContainsString('an event cannot be published: ', $output);
        self::assertStringContainsString('there is no socket /run/nowhere.sock', $output);
        self::assertStringContainsString('unixSocket.path and RUSTECHO_SOCKET', $output);
    }

    public function testASocketThatIsAFile(): void
    {
        $file = self::$sidecar->config;
        mkdir($spool = Scratch::path('spool'));
        chmod($spool, 03777);
        [$status, $output] = $this->doctor(['RUSTECHO_SOCKET' => $file, 'RUSTECHO_SPOOL' => $spool]);

        self::assertSame(1, $status);
        self::assertOneProblem('socket-kind', $output);
        self::assertStringContainsString("$file is a file, not a socket", $output);
    }

    public function testASocketThatPhpsUserMayNotOpen(): void
    {
        self::assertSame(0, posix_geteuid(), 'this test has to run as root');
        chmod(self::$sidecar->socket, 0660);
        [$status, $output] = $this->doctor([], ['--user=www-data']);
        chmod(self::$sidecar->socket, 0666);
        self::assertSame(1, $status);
        self::assertOneProblem('socket-rights', $output);
        self::assertStringContainsString('the user www-data may not write to the socket', $output);
        self::assertStringContainsString('(root:root, mode 0660)', $output);

        chmod(self::$sidecar->folder, 0700);
        [$status, $output] = $this->doctor([], ['--user=www-data']);
        chmod(self::$sidecar->folder, 0755);
        self::assertSame(1, $status);
        self::assertOneProblem('socket-folder', $output);
        self::assertStringContainsString('may not enter ' . self::$sidecar->folder, $output);
    }

    public function testASpoolThatPhpsUserMayNotWrite(): void
    {
        $spool = self::$sidecar->folder . '/spool';
        chmod($spool, 0755);
        [$closed, $closedOutput] = $this->doctor([], ['--user=www-data']);
        rename($spool, "$spool.away");
        [$none, $noneOutput] = $this->doctor([], ['--user=www-data']);
        rename("$spool.away", $spool);
        chmod($spool, 03777);
        [$elsewhere, $elsewhereOutput] = $this->doctor(['RUSTECHO_SPOOL' => '/nowhere/spool']);
        [$unused] = $this->doctor(['RUSTECHO_SPOOL' => '/nowhere/spool', 'RUSTECHO_ON_FAILURE' => 'throw']);

        self::assertSame([1, 1, 1, 0], [$closed, $none, $elsewhere, $unused]);
        self::assertOneProblem('spool-rights', $closedOutput);
        self::assertOneProblem('spool-missing', $noneOutput);
        self::assertOneProblem('spool-missing', $elsewhereOutput);
        self::assertStringContainsString("the user www-data may not write to the spool $spool", $closedOutput);
        self::assertStringContainsString('unixSocket.group', $closedOutput);
        self::assertStringContainsString("there is no folder $spool", $noneOutput);
        self::assertStringContainsString('install -d', $noneOutput);
        self::assertStringContainsString('there is no folder /nowhere/spool', $elsewhereOutput);
    }

    public function testTwoSpools(): void
    {
        $config = self::$sidecar->folder . '/rustecho-spool.json';
        $spool = self::$sidecar->folder . '/spool';
        symlink($spool, "$spool.link");
        $tries = [
            [false, 1], ['/elsewhere', 1], [['path' => '/elsewhere'], 1], [['path' => "$spool/"], 0], [['ttl' => 9], 0],
            ["$spool.link", 0],
        ];
        foreach ($tries as [$setting, $expected]) {
            file_put_contents($config, json_encode(['spool' => $setting]));
            [$status, $output] = $this->doctor([], ["--config=$config"]);
            self::assertSame($expected, $status, $output);
            $expected === 0 || self::assertOneProblem($setting === false ? 'spool-off-there' : 'spool-elsewhere', $output);
            self::assertSame($setting === false, str_contains($output, 'the sidecar keeps no spool'));
            self::assertSame($expected === 1 && $setting !== false, str_contains($output, 'looks for them in /elsewhere'));
        }
        unlink("$spool.link");
    }

    public function testASidecarThatHangs(): void
    {
        $sidecar = $this->other();
        $sidecar->process()->signal(SIGSTOP);
        [$status, $output] = $this->doctor(
            ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_TIMEOUT_MS' => '100'],
        );
        $sidecar->process()->signal(SIGCONT);
        $sidecar->stop();

        self::assertSame(1, $status);
        self::assertOneProblem('sidecar-silent', $output);
        self::assertStringContainsString('did not answer in time', $output);
        self::assertStringContainsString('If it hangs, restart it.', $output);
    }

    public function testASidecarThatIsGone(): void
    {
        $sidecar = $this->other();
        $sidecar->stop(SIGKILL);
        [$status, $output] = $this->doctor([
            'RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url,
        ]);

        self::assertSame(1, $status);
        self::assertOneProblem('sidecar-silent', $output);
        self::assertStringContainsString('The sidecar has stopped', $output);
        self::assertStringContainsString("no answer from $sidecar->url", $output);
    }

    public function testSocketAndPortOfTwoSidecars(): void
    {
        $other = $this->other();
        [$status, $output] = $this->doctor(['RUSTECHO_SOCKET' => $other->socket], ['--patience=1']);
        $other->stop();

        self::assertSame(1, $status);
        self::assertOneProblem('two-sidecars', $output);
        self::assertStringContainsString('is accepted, but does not arrive', $output);
    }

    public function testAPortWhereNobodyAnswers(): void
    {
        [$status, $output] = $this->doctor([], ['--sidecar=http://127.0.0.1:' . Ports::free()]);

        self::assertSame(1, $status);
        self::assertOneProblem('port-silent', $output);
        self::assertStringContainsString('--sidecar=URL', $output);
    }

    public function testAnEventThatTheSidecarRefuses(): void
    {
        $refusing = (new FakeSidecar())->start(static function (FakePeer $peer): void {
            while (($publish = $peer->readPublish()) !== null) {
                $peer->refuse($publish, 6, 'not today');
            }
        });
        chmod($refusing->path, 0666);
        $spool = self::$sidecar->folder . '/spool';
        [$status, $output] = $this->doctor(['RUSTECHO_SOCKET' => $refusing->path, 'RUSTECHO_SPOOL' => $spool]);
        $refusing->stop();

        self::assertSame(1, $status);
        self::assertOneProblem('publish-failed', $output);
        self::assertStringContainsString('not today', $output);
    }

    public function testTwoRedisPrefixes(): void
    {
        $config = self::$sidecar->folder . '/with-redis.json';
        foreach (['' => 1, 'laravel_database_' => 0] as $prefix => $expected) {
            file_put_contents($config, json_encode([
                'subscribers' => ['redis' => true], 'databaseConfig' => ['redis' => ['keyPrefix' => $prefix]],
            ]));
            [$status, $output] = $this->doctor([], ["--config=$config"]);
            self::assertSame($expected, $status, $output);
            $outputs[] = $output;
        }
        self::assertOneProblem('redis-prefix', $outputs[0]);
        self::assertStringContainsString('the Redis prefix "laravel_database_", the sidecar listens for ""', $outputs[0]);
        self::assertStringContainsString('Set databaseConfig.redis.keyPrefix in', $outputs[0]);
        self::assertStringContainsString('both ends use the Redis prefix "laravel_database_"', $output);
    }

    public function testEventsThatGoToRedisWhereTheSidecarDoesNotListen(): void
    {
        [$status, $output] = $this->doctor(['RUSTECHO_ON_FAILURE' => 'redis']);

        self::assertSame(1, $status, $output);
        self::assertOneProblem('redis-source-off', $output);
        self::assertStringContainsString('the sidecar does not listen there', $output);
    }

    /** @dataProvider applicationsThatAnswerWrongly */
    #[DataProvider('applicationsThatAnswerWrongly')]
    public function testAnApplicationThatAnswersWrongly(string $id, array $env, string $finding, string $advice): void
    {
        [$status, $output] = $this->asking($env);

        self::assertSame(1, $status, $output);
        self::assertOneProblem($id, $output);
        self::assertStringContainsString($finding, $output);
        self::assertStringContainsString($advice, $output);
    }

    /** @return array<string, array{string, array<string, string>, string, string}> */
    public static function applicationsThatAnswerWrongly(): array
    {
        return [
            'CSRF check' => [
                'auth-csrf', ['TEST_AUTH_ROUTE' => 'csrf'], 'checks the CSRF token (419)', '$except of the VerifyCsrfToken',
            ],
            'no route' => [
                'auth-missing', ['RUSTECHO_AUTH_ENABLED' => 'false'], 'there is no auth route (404)', 'php artisan route:list',
            ],
            'a redirect' => [
                'auth-redirect', ['TEST_AUTH_ROUTE' => 'login'], 'the auth route redirects (302)', '--header=',
            ],
            'an error' => ['auth-fails', ['TEST_AUTH_ROUTE' => 'broken'], 'Laravel fails with 500', '/storage/logs'],
            'bearer tokens, and none given' => [
                'auth-nobody',
                ['RUSTECHO_AUTH_MIDDLEWARE' => 'auth:api'], 'takes the visitor for nobody', '--header="Authorization: Bearer',
            ],
            'another key' => [
                'auth-denied', ['TEST_APP_KEY' => str_repeat('x', 32)], 'denies (403) a channel of the doctor', 'APP_KEY',
            ],
            'yes to everybody' => [
                'auth-open',
                ['TEST_AUTH_ROUTE' => 'yes-to-all'], 'nobody may have is answered with 200', 'gives every visitor every channel',
            ],
        ];
    }

    public function testAnAuthHostWhereNobodyAnswers(): void
    {
        $sidecar = (new RealSidecar(['authHost' => 'http://127.0.0.1:' . Ports::free()]))->start();
        [$status, $output] = $this->doctor(
            ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url],
            ["--config=$sidecar->config"],
        );
        $sidecar->stop();

        self::assertSame(1, $status);
        self::assertOneProblem('auth-unreachable', $output);
        self::assertStringContainsString('the sidecar cannot reach Laravel', $output);
        self::assertStringContainsString('at authHost http://127.0.0.1', $output);
    }

    public function testAVisitorWithATokenGetsBehindTheMiddleware(): void
    {
        $port = Ports::free();
        $sidecar = (new RealSidecar(['authHost' => "http://127.0.0.1:$port"]))->start();
        $site = new RealSite(self::$app, self::env(['RUSTECHO_AUTH_MIDDLEWARE' => 'auth:api']), $port);
        $env = ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url];
        $token = '--header=Authorization: Bearer token-of-ada';
        [$healthy, $output] = $this->doctor($env, [$token]);
        [$own, $ownOutput] = $this->doctor($env, [$token, '--granted=private-people.7', '--denied=private-people.8']);
        [$wrong, $wrongOutput] = $this->doctor($env, [$token, '--granted=private-people.8']);
        $site->stop();
        $sidecar->stop();

        self::assertSame([0, 0, 1], [$healthy, $own, $wrong], $output . $ownOutput . $wrongOutput);
        self::assertOneProblem('auth-wrong-visitor', $wrongOutput);
        self::assertStringContainsString('that user may not have the channel', $wrongOutput);
    }

    public function testASiteWhereNobodyAnswers(): void
    {
        [$status, $output] = $this->doctor([], ['--url=http://127.0.0.1:' . Ports::free()]);

        self::assertSame(1, $status);
        self::assertOneProblem('site-silent', $output);
        self::assertStringContainsString('nobody answers where pages are said to find the sidecar', $output);
        self::assertStringContainsString('--url=https://', $output);
    }

    public function testASiteInAFolderConnectsAtItsOrigin(): void
    {
        $env = self::env(['APP_URL' => self::$sidecar->url . '/shop']);
        $here = ['rustecho:doctor', '--config=' . self::$sidecar->config];
        [$status, $output] = self::$app->artisan($here, $env);
        [$given, $givenOutput] = self::$app->artisan([...$here, '--url=' . self::$sidecar->url . '/shop'], $env);

        self::assertSame([0, 1], [$status, $given], $output . $givenOutput);
        self::assertStringContainsString(self::$sidecar->url . '/socket.io/ answers', $output);
        self::assertStringContainsString(self::$sidecar->url . '/shop/socket.io/', $givenOutput, 'as it is given');
    }

    public function testAnAppUrlThatIsNoAddress(): void
    {
        [$status, $output] = $this->doctor(['APP_URL' => 'shop']);

        self::assertSame(1, $status);
        self::assertOneProblem('site-address', $output);
        self::assertStringContainsString("not an address with a host: 'shop'", $output);
        self::assertStringContainsString('Set APP_URL', $output);
    }

    public function testALaravelThatHangs(): void
    {
        [$status, $output] = $this->asking(['TEST_AUTH_ROUTE' => 'slow'], ['--patience=1']);

        self::assertSame(1, $status);
        self::assertOneProblem('auth-silent', $output);
        self::assertStringContainsString('did not say within its time what Laravel answers', $output);
        self::assertStringContainsString('slow or hangs', $output);
    }

    public function testALaravelThatLimitsRequests(): void
    {
        // The first request of the minute is the last that is answered otherwise.
        $first = static fn (string $url): array => Http::request('GET', "$url/broadcasting/auth", [], '', 20.0);
        [$status, $output] = $this->asking(['RUSTECHO_AUTH_MIDDLEWARE' => 'throttle:1,1|web'], [], $first);

        self::assertSame(1, $status);
        self::assertOneProblem('auth-odd', $output);
        self::assertStringContainsString('Laravel answers 429', $output);
        self::assertStringContainsString('/storage/logs', $output);
    }

    public function testNoEventWhereThereIsNoRoadForIt(): void
    {
        [, $output] = $this->doctor(['RUSTECHO_TRANSPORT' => 'null']);

        self::assertOneProblem('transport-null', $output);
        self::assertMatchesRegularExpression('/^note +no event was published: .* \[no-event\]$/m', $output);
    }

    public function testNoEventWhereTheDoctorHasNoChannelOfItsOwn(): void
    {
        $env = ['RUSTECHO_AUTH_MIDDLEWARE' => 'auth:api', 'TEST_APP_KEY' => str_repeat('x', 32)];
        $own = ['--header=Authorization: Bearer token-of-ada', '--granted=private-people.7', '--denied=private-people.8'];
        [$status, $output] = $this->asking($env, $own);

        self::assertSame(0, $status, $output);
        self::assertMatchesRegularExpression('/^note +no event was published: .* \[no-event\]$/m', $output);
    }

    /**
     * The doctor, while a sidecar asks a site of this environment.
     *
     * @param array<string, string> $env of the site
     * @param list<string> $arguments
     * @param (callable(string): mixed)|null $first is done with the site's address before
     * @return array{int, string}
     */
    private function asking(array $env, array $arguments = [], ?callable $first = null): array
    {
        $port = Ports::free();
        $sidecar = (new RealSidecar(['authHost' => "http://127.0.0.1:$port"]))->start();
        $site = new RealSite(self::$app, self::env($env), $port);
        $first === null || $first($site->url);
        $here = ['RUSTECHO_SOCKET' => $sidecar->socket, 'RUSTECHO_API_URL' => $sidecar->url];
        $result = $this->doctor($here, $arguments);
        $site->stop();
        $sidecar->stop();

        return $result;
    }

    private function other(): RealSidecar
    {
        return (new RealSidecar(['authHost' => self::$site->url]))->start();
    }

    /**
     * @param array<string, string> $env
     * @param list<string> $arguments
     * @return array{int, string}
     */
    private function doctor(array $env = [], array $arguments = []): array
    {
        $arguments = ['rustecho:doctor', '--config=' . self::$sidecar->config, '--url=' . self::$sidecar->url, ...$arguments];

        return self::$app->artisan($arguments, self::env($env + ['APP_URL' => self::$site->url]));
    }
}
