<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Behaviour;

use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Tests\Support\Ports;
use Rustecho\Laravel\Tests\Support\RealSidecar;
use Rustecho\Laravel\Tests\Support\RealSite;

/** Who gets a guarded channel, asked by the sidecar and answered by the application. */
final class ChannelsTest extends BehaviourTestCase
{
    public function testTheSessionSaysWhoTheVisitorIs(): void
    {
        $ada = $this->visitor(['private-people.7'], self::$site->login(7));
        $grace = $this->open(self::$site->login(8));

        self::assertSame(403, $this->refusal($grace, 'private-people.7'));
        self::assertSame(403, $this->refusal($this->open(), 'private-people.7'), 'nobody');
        $ada->close();
    }

    public function testAChannelCanNameAModel(): void
    {
        $this->visitor(['private-posts.3'], self::$site->login(7))->close();

        self::assertSame(403, $this->refusal($this->open(self::$site->login(8)), 'private-posts.3'), "somebody else's post");
        // Laravel answers 403 up to 10 and 404 later where there is no such model: both are a refusal.
        $none = $this->refusal($this->open(self::$site->login(7)), 'private-posts.99');
        self::assertContains($none, [403, 404]);
    }

    public function testAPresenceChannelShowsWhatTheCallbackReturns(): void
    {
        $ada = $this->open(self::$site->login(7));
        $ada->subscribe('presence-room');

        $members = $ada->waitFor(static fn (array $event): bool => $event[0] === 'presence:subscribed')[2];

        self::assertSame([7, ['name' => 'Ada']], [$members[0]['user_id'], $members[0]['user_info']]);
        $ada->close();
    }

    public function testAChannelCanHaveAGuardOfItsOwn(): void
    {
        $token = ['Authorization' => 'Bearer token-of-grace'];
        $grace = $this->open();
        $grace->subscribe('presence-tokens', $token);
        $members = $grace->waitFor(static fn (array $event): bool => $event[0] === 'presence:subscribed')[2];

        self::assertSame(8, $members[0]['user_id']);
        self::assertSame(403, $this->refusal($this->open(self::$site->login(7)), 'presence-tokens'), 'a session is no token');
        $grace->close();
    }

    public function testTheWholeRouteCanAskForABearerToken(): void
    {
        $port = Ports::free();
        $sidecar = (new RealSidecar(['authHost' => "http://127.0.0.1:$port"]))->start();
        $site = new RealSite(self::$app, self::env(['RUSTECHO_AUTH_MIDDLEWARE' => 'auth:api']), $port);
        $visitor = Browser::open($sidecar->url, [], 20.0);

        $visitor->subscribe('private-people.7', ['Authorization' => 'Bearer token-of-ada', 'Accept' => 'application/json']);
        $sidecar->hasSubscribers('private-people.7');
        $json = ['Accept' => 'application/json'];
        $wrong = $this->refusal($visitor, 'private-people.8', $json + ['Authorization' => 'Bearer token-of-ada']);
        $nobody = $this->refusal($visitor, 'private-people.8', $json);

        self::assertSame([403, 401], [$wrong, $nobody]);
        $site->stop();
        $sidecar->stop();
    }

    private function open(?string $cookie = null): Browser
    {
        return Browser::open(self::$sidecar->url, $cookie === null ? [] : ['Cookie' => $cookie], 20.0);
    }

    /** @param array<string, string> $auth */
    private function refusal(Browser $browser, string $channel, array $auth = []): mixed
    {
        $browser->subscribe($channel, $auth);
        $refused = static fn (array $event): bool => $event[0] === 'subscription_error' && $event[1] === $channel;
        $event = $browser->waitFor($refused);

        return $event[2] ?? null;
    }
}
