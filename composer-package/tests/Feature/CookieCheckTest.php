<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Feature;

use Illuminate\Session\Middleware\StartSession;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Checks\CookieCheck;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Settings;
use Rustecho\Laravel\Tests\Support\AppRegistersOwnAuthRoute;
use Rustecho\Laravel\Tests\Support\AppRegistersSpaAuthRoute;
use Rustecho\Laravel\Tests\Support\TestApp;
use Rustecho\Laravel\Tests\Support\TestProvider;

/** A cookie that does not come is a problem only for who needs it. */
final class CookieCheckTest extends TestCase
{
    private TestApp $files;

    protected function setUp(): void
    {
        $this->files = new TestApp();
    }

    protected function tearDown(): void
    {
        $this->files->remove();
    }

    /**
     * @dataProvider visitors
     * @param list<class-string> $providers
     * @param array<string, string> $headers
     * @param array<string, mixed> $auth
     */
    #[DataProvider('visitors')]
    public function testACookieThatStaysWithTheSite(
        string $level,
        array $headers = [],
        array $auth = [],
        array $providers = [TestProvider::class],
    ): void {
        $this->files->configure('rustecho', ['auth' => $auth]);
        $app = $this->files->boot($providers);
        $visit = new Visit($app, 'rustecho', Settings::from([]), null, 'http://x', 'https://sockets.example', $headers);

        $found = iterator_to_array((new CookieCheck())->run($visit), false)[0];

        self::assertSame([$level, 'cookie-elsewhere'], [$found->level, $found->id]);
    }

    /** @return array<string, array<mixed>> */
    public static function visitors(): array
    {
        return [
            'by session' => [Finding::PROBLEM],
            'by session, behind a password' => [Finding::PROBLEM, ['Authorization' => 'Basic eDp5']],
            'by token' => [Finding::NOTE, ['authorization' => 'Bearer token-of-ada']],
            'by token, says the configuration' => [Finding::NOTE, [], ['middleware' => 'auth:api']],
            'by token, says the route' => [Finding::NOTE, [], [], [TestProvider::class, AppRegistersOwnAuthRoute::class]],
            'by session, says Sanctum' => [Finding::PROBLEM, [], [], [TestProvider::class, AppRegistersSpaAuthRoute::class]],
            'by session, without the group' => [Finding::PROBLEM, [], ['middleware' => StartSession::class]],
            'by a route that is not there' => [Finding::PROBLEM, [], ['enabled' => false]],
        ];
    }
}
