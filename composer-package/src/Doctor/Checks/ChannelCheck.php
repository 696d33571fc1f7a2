<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor\Checks;

use Psr\Log\NullLogger;
use Rustecho\Exception;
use Rustecho\InvalidOption;
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
        $browser = null;
        try {
            $browser = Browser::open($visit->sidecarUrl, $visit->headers, $this->seconds);
            $question = new Question($browser, $visit, $this->seconds);
            $granted = $this->granted($question, $visit);
            yield $granted;
            if (! $granted->isProblem()) {
                yield $this->denied($question, $visit);
                yield $this->arrival($question, $browser, $visit);
                yield from array_filter([$question->web()?->finding(phpversion('rustecho') ?: null)]);
            }
        } catch (Unreachable $silence) {
            yield $visit->absence('port-silent', ['reason' => $silence->getMessage()]);
        } catch (Exception $error) {
            $reason = ['reason' => rtrim($error->getMessage(), '.')];
            // Without the extension that is asked for: found before.
            yield $error instanceof InvalidOption && $visit->settings->transport === 'extension'
                ? Finding::note('publish-failed', $reason)
                : $visit->absence('publish-failed', $reason);
        } finally {
            $browser?->close();
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
            : Finding::problem('auth-open', ['status' => $status ?? 'silence']);
    }

    private function arrival(Question $question, Browser $browser, Visit $visit): Finding
    {
        $channel = $this->probe($visit)->name();
        $begun = hrtime(true);
        if ($visit->settings->transport === 'null' || $question->ask($channel) !== 200) {
            return Finding::note('no-event');
        }
        // Not the application's own, which would log that the extension is missing: a log that root makes is closed to the web.
        $publisher = (new PublisherFactory(new NullLogger(), ''))->make($visit->settings->withoutFallback());
        $publisher->publish([$channel], Question::EVENT, '{}', null);
        $arrived = $browser->waitFor(static fn (array $event): bool => $event[0] === Question::EVENT && $event[1] === $channel);
        $milliseconds = intdiv(hrtime(true) - $begun, 1_000_000);

        return $arrived !== null
            ? Finding::good("an event published here arrives at a subscriber, all in $milliseconds ms")
            : Finding::problem(
                'two-sidecars',
                ['path' => $visit->settings->socketPath(), 'sidecar' => $visit->sidecarUrl],
            );
    }

    private function probe(Visit $visit): ProbeChannel
    {
        return new ProbeChannel((string) $visit->config('app.key'));
    }
}
