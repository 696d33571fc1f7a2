<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Broadcasting\BroadcastController;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Artisan;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Tests\Support\AppRegistersBroadcastRoutes;
use Rustecho\Laravel\Tests\Support\AppRegistersOwnAuthRoute;
use Rustecho\Laravel\Tests\Support\TestApp;
use Rustecho\Laravel\Tests\Support\TestProvider;
use Symfony\Component\HttpFoundation\Response;

/** What the sidecar asks about channels, answered by a whole Laravel application. */
final class ChannelAuthTest extends TestCase
{
    private const CHANNELS = <<<'PHP'
        <?php
        use Illuminate\Support\Facades\Broadcast;
        Broadcast::channel('orders.{id}', fn ($user, $id) => (int) $user->id === (int) $id);
        Broadcast::channel('room', fn ($user) => ['name' => $user->name]);
        Broadcast::channel('anybody', fn ($user = null) => true);
        PHP;

    private TestApp $files;

    protected function setUp(): void
    {
        $this->files = new TestApp();
        $this->files->write('routes/channels.php', self::CHANNELS);
    }

    protected function tearDown(): void
    {
        $this->files->remove();
    }

    public function testTheRouteIsRegisteredOnce(): void
    {
        self::assertSame(['web'], $this->authRoutes($this->files->boot())[0]->middleware());
        self::assertCount(1, $this->authRoutes($this->files->boot()));
    }

    /** @dataProvider applicationsWithARoute */
    #[DataProvider('applicationsWithARoute')]
    public function testARouteOfTheApplicationIsHonoured(string $provider, string $uri): void
    {
        $routes = $this->authRoutes($this->files->boot([TestProvider::class, $provider]));

        self::assertCount(1, $routes);
        self::assertSame([$uri, ['auth:api']], [$routes[0]->uri(), $routes[0]->middleware()]);
    }

    /** @return array<string, array{class-string, string}> */
    public static function applicationsWithARoute(): array
    {
        return [
            'Broadcast::routes() under a prefix' => [AppRegistersBroadcastRoutes::class, 'api/broadcasting/auth'],
            'a controller of its own' => [AppRegistersOwnAuthRoute::class, 'broadcasting/auth'],
        ];
    }

    public function testTheRouteCanBeTurnedOff(): void
    {
        $this->files->configure('rustecho', ['auth' => ['enabled' => false]]);

        self::assertSame([], $this->authRoutes($app = $this->files->boot()));
        self::assertTrue($app->make(BroadcastManager::class)->connection()->hasChannels(), 'the channels are another matter');
    }

    public function testSessionCookieWithoutCsrfTokenIsEnough(): void
    {
        $app = $this->files->boot();
        $cookie = $this->login($app, 7);

        $granted = $this->ask($app, 'private-orders.7', ['visitor' => $cookie]);
        $denied = $this->ask($app, 'private-orders.8', ['visitor' => $cookie]);

        self::assertSame([200, 'true'], [$granted->getStatusCode(), $granted->getContent()]);
        self::assertSame(403, $denied->getStatusCode());
        $form = Request::create('/form', 'POST', [], ['visitor' => $cookie], [], ['HTTP_ACCEPT' => 'application/json']);
        self::assertSame(419, $this->send($app, $form)->getStatusCode(), 'the CSRF check is on elsewhere');
    }

    public function testPresenceAnswersWithTheMember(): void
    {
        $app = $this->files->boot();

        $answer = $this->ask($app, 'presence-room', ['visitor' => $this->login($app, 7)]);

        self::assertSame('{"channel_data":{"user_id":7,"user_info":{"name":"user 7"}}}', $answer->getContent());
    }

    /** @dataProvider refusedWithoutUser */
    #[DataProvider('refusedWithoutUser')]
    public function testWithoutAUserTheAnswerIs403(mixed $channel): void
    {
        self::assertSame(403, $this->ask($this->files->boot(), $channel)->getStatusCode());
    }

    /** @return array<string, array{mixed}> */
    public static function refusedWithoutUser(): array
    {
        return [
            'private' => ['private-orders.7'], 'presence' => ['presence-room'], 'prefix inside' => ['x.private-orders.7'],
            'a callback that agrees to nobody' => ['private-anybody'], 'unknown' => ['private-nothing'], 'empty' => [''],
            'none' => [null], 'a list' => [['private-orders.7']], '10 KB' => ['private-' . str_repeat('x', 10_000)],
        ];
    }

    public function testMiddlewareCanAskForABearerToken(): void
    {
        $this->files->configure('rustecho', ['auth' => ['middleware' => 'auth:api']]);
        $app = $this->files->boot();

        $granted = $this->ask($app, 'private-orders.7', [], 'Bearer 7');

        self::assertSame([200, 'true'], [$granted->getStatusCode(), $granted->getContent()]);
        self::assertSame(403, $this->ask($app, 'private-orders.8', [], 'Bearer 7')->getStatusCode());
        self::assertSame(401, $this->ask($app, 'private-orders.7')->getStatusCode());
        self::assertSame(['auth:api'], $this->authRoutes($app)[0]->middleware());
    }

    public function testSeveralMiddlewareAreSeparatedByABar(): void
    {
        $this->files->configure('rustecho', ['auth' => ['middleware' => 'web | auth:api,web']]);

        self::assertSame(['web', 'auth:api,web'], $this->authRoutes($this->files->boot())[0]->middleware());
    }

    /** @dataProvider noMiddleware */
    #[DataProvider('noMiddleware')]
    public function testNoMiddlewareIsNone(mixed $none): void
    {
        $this->files->configure('rustecho', ['auth' => ['middleware' => $none]]);

        self::assertSame([], $this->authRoutes($this->files->boot())[0]->middleware());
        self::assertStringNotContainsString('setting', $this->files->log());
    }

    /** @return array<array{mixed}> what env() makes of RUSTECHO_AUTH_MIDDLEWARE=false and =, too */
    public static function noMiddleware(): array
    {
        return [[false], [''], [[]]];
    }

    /** @dataProvider wrong */
    #[DataProvider('wrong')]
    public function testAWrongSettingIsLoggedAndFailsNothing(string $key, mixed $value, string $shown): void
    {
        $this->files->configure('rustecho', ['auth' => [$key => $value]]);

        $app = $this->files->boot();

        self::assertSame(['web'], $this->authRoutes($app)[0]->middleware());
        $says = "ERROR: The rustecho setting \"auth.$key\" is $shown, but has to be ";
        self::assertStringContainsString($says, $this->files->log());
        self::assertStringContainsString('RUSTECHO_AUTH_' . strtoupper($key), $this->files->log());
        $cookie = $this->login($app, 7);
        self::assertSame('true', $this->ask($app, 'private-orders.7', ['visitor' => $cookie])->getContent());
    }

    /** @return array<array{string, mixed, string}> */
    public static function wrong(): array
    {
        return [
            ['middleware', true, 'true'], ['middleware', 7, '7'], ['middleware', ['web', ['auth']], 'array'],
            ['middleware', new \stdClass(), 'stdClass'], ['channels', ['a.php'], 'array'], ['channels', true, 'true'],
            ['channels', new \stdClass(), 'stdClass'],
        ];
    }

    public function testRouteCacheKeepsTheRouteAndLoadsTheChannels(): void
    {
        $fresh = $this->files->boot();
        $this->files->writeBootstrap();
        self::assertSame(0, Artisan::call('route:cache'), Artisan::output());
        unset($fresh);

        $app = $this->files->boot();

        self::assertTrue($app->routesAreCached());
        self::assertCount(1, $this->authRoutes($app));
        $cookie = $this->login($app, 7);
        self::assertSame('true', $this->ask($app, 'private-orders.7', ['visitor' => $cookie])->getContent());
    }

    /** @return list<\Illuminate\Routing\Route> those by which somebody could ask for a channel */
    private function authRoutes(Application $app): array
    {
        $found = [];
        foreach ($app['router']->getRoutes()->getRoutes() as $route) {
            $asks = str_contains($route->uri(), 'broadcasting/auth')
                || str_contains($route->getActionName(), BroadcastController::class);
            if ($asks && in_array('POST', $route->methods(), true)) {
                $found[] = $route;
            }
        }

        return $found;
    }

    /** Logs in by a request of its own and returns the encrypted cookie. */
    private function login(Application $app, int $user): string
    {
        $response = $this->send($app, Request::create("/login/$user"));
        foreach ($response->headers->getCookies() as $cookie) {
            if ($cookie->getName() === 'visitor') {
                return (string) $cookie->getValue();
            }
        }
        self::fail('The login set no cookie: ' . $response->getContent());
    }

    /** @param array<string, string> $cookies */
    private function ask(Application $app, mixed $channel, array $cookies = [], string $authorization = ''): Response
    {
        $server = ['HTTP_X_REQUESTED_WITH' => 'XMLHttpRequest', 'HTTP_ACCEPT' => 'application/json'];
        if ($authorization !== '') {
            $server['HTTP_AUTHORIZATION'] = $authorization;
        }

        $request = Request::create('/broadcasting/auth', 'POST', ['channel_name' => $channel], $cookies, [], $server);

        return $this->send($app, $request);
    }

    private function send(Application $app, Request $request): Response
    {
        $app['auth']->forgetGuards();
        $kernel = $app->make(Kernel::class);
        $response = $kernel->handle($request);
        $kernel->terminate($request, $response);

        return $response;
    }
}
