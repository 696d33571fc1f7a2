<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Rustecho\Exception;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\ProbeChannel;
use Rustecho\Laravel\Doctor\Question;
use Rustecho\Laravel\Doctor\Refusals;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Publishers\PublisherFactory;
use Rustecho\Laravel\Sidecar\Browser;
use Rustecho\Laravel\Sidecar\Unreachable;

/**
 * Does the sidecar get Laravel's word about channels, and does an event arrive?
 *
 * Comes to the sidecar as a page would and subscribes, so that it is the sidecar that asks Laravel, at its own `authHost`.
 */
final class ChannelCheck implements Check
{
    /** @param float $seconds the longest wait for each answer */
    public function __construct(private readonly float $seconds = 12.0)
    {
    }

    public function run(Visit $visit): iterable
    {
        try {
            $browser = Browser::open($visit->sidecarUrl, $visit->headers, $this->seconds);
            $question = new Question($browser, $visit, $this->seconds);
            $granted = $this->granted($question, $visit);
            yield $granted;
            if (! $granted->isProblem()) {
                yield $this->denied($question, $visit);
                yield $this->arrival($question, $browser, $visit);
            }
            $browser->close();
        } catch (Unreachable $silence) {
            yield Finding::problem(
                "the sidecar's HTTP port: {$silence->getMessage()}",
                'Is the sidecar running, with this host and port in its configuration? Else name its address: --sidecar=URL.',
            );
        } catch (Exception $error) {
            $reason = rtrim($error->getMessage(), '.');
            yield Finding::problem("an event cannot be published: $reason", 'See the findings above.');
        }
    }

    private function granted(Question $question, Visit $visit): Finding
    {
        $status = $question->ask($visit->granted ?? $this->probe($visit)->name());

        return $status === 200
            ? Finding::good('the sidecar asks Laravel, which answers 200 for a channel that is granted')
            : Refusals::explain($status, $visit);
    }

    private function denied(Question $question, Visit $visit): Finding
    {
        $status = $question->ask($visit->denied ?? 'presence-rustecho-doctor.nobody-may-have-this');

        return $status === 403
            ? Finding::good('and 403 for a channel that is denied')
            : Finding::problem(
                'a channel that nobody may have is answered with ' . ($status ?? 'silence') . ', not with 403',
                'Look at what the route of authEndpoint does (php artisan route:list), and at routes/channels.php: whatever '
                    . 'answers 200 there gives every visitor every channel.',
            );
    }

    private function arrival(Question $question, Browser $browser, Visit $visit): Finding
    {
        $channel = $this->probe($visit)->name();
        $begun = hrtime(true);
        if ($visit->settings->transport === 'null' || $question->ask($channel) !== 200) {
            return Finding::note('no event was published: there is no road for it, or no subscriber');
        }
        $visit->app->make(PublisherFactory::class)->make($visit->settings)->publish([$channel], Question::EVENT, '{}', null);
        $arrived = $browser->waitFor(static fn (array $event): bool => $event[0] === Question::EVENT && $event[1] === $channel);
        $milliseconds = intdiv(hrtime(true) - $begun, 1_000_000);

        return $arrived !== null
            ? Finding::good("an event published here arrives at a subscriber, all in $milliseconds ms")
            : Finding::problem(
                'an event is accepted, but does not arrive at a subscriber',
                "Do the socket {$visit->settings->socketPath()} and $visit->sidecarUrl belong to the same sidecar?",
            );
    }

    private function probe(Visit $visit): ProbeChannel
    {
        return new ProbeChannel((string) $visit->config('app.key'));
    }
}
