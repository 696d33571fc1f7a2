<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use App\Events\ShippedNow;
use Rustecho\Laravel\Tests\Support\RealSite;

/** What Laravel keeps for production, and what it tells of itself. */
final class CachesTest extends BehaviourTestCase
{
    protected function tearDown(): void
    {
        foreach (['config:clear', 'route:clear'] as $command) {
            self::$app->artisan([$command]);
        }
    }

    /** @dataProvider caches */
    #[\PHPUnit\Framework\Attributes\DataProvider('caches')]
    public function testEventsAndChannelsWorkWithCaches(string ...$commands): void
    {
        foreach ($commands as $command) {
            [$status, $output] = self::$app->artisan([$command], self::env(['APP_URL' => self::$site->url]));
            self::assertSame(0, $status, $output);
        }
        // A site that knows nothing but the caches, in place of the one the sidecar asks.
        self::$site->stop();
        $port = (int) parse_url(self::$site->url, PHP_URL_PORT);
        self::$site = new RealSite(self::$app, in_array('config:cache', $commands, true) ? [] : self::env(), $port);

        $ada = $this->visitor(['private-people.7', 'orders'], self::$site->login(7));
        self::$site->run('now');

        $this->hears($ada, ShippedNow::class, 'orders');
        $this->hears($ada, ShippedNow::class, 'private-people.7');
        $ada->close();
    }

    /** @return array<string, list<string>> */
    public static function caches(): array
    {
        return ['config' => ['config:cache'], 'routes' => ['route:cache'], 'both' => ['config:cache', 'route:cache']];
    }

    public function testChannelListShowsTheChannels(): void
    {
        $there = array_key_exists('channel:list', $this->commands());
        self::assertSame(self::laravel() >= 9, $there, 'channel:list came with Laravel 9');
        if ($there) {
            [$status, $output] = self::$app->artisan(['channel:list'], self::env());
            self::assertSame(0, $status, $output);
            self::assertStringContainsString('people.{id}', $output);
        }
    }

    public function testAboutHasASection(): void
    {
        $there = array_key_exists('about', $this->commands());
        self::assertSame(self::laravel() >= 9, $there, 'about came with Laravel 9');
        if ($there) {
            [$status, $output] = self::$app->artisan(['about', '--only=rustecho'], self::env());
            self::assertSame(0, $status, $output);
            self::assertMatchesRegularExpression('/Package\W+0\.1\.0/', $output);
            self::assertStringContainsString(self::$sidecar->socket, $output);
        }
    }

    /** @return array<string, mixed> by name */
    private function commands(): array
    {
        [$status, $output] = self::$app->artisan(['list', '--format=json'], self::env());
        self::assertSame(0, $status, $output);

        return array_column(json_decode($output, true)['commands'], null, 'name');
    }
}
