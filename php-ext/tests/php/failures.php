<?php

/** A sidecar that dies, comes back, hangs or is stopped: bounded, healed, and told. */

declare(strict_types=1);

use Rustecho\ConnectionFailed;
use Rustecho\Timeout;

require __DIR__ . '/../support/support.php';

$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
// What the breaker and the spool add has tests of its own.
ini_set('rustecho.breaker_ms', '0');
ini_set('rustecho.on_failure', 'throw');

$arrives = static fn (string $data) => until(
    static fn () => in_array($data, array_column($sidecar->of('publish'), 'data'), true),
    "the arrival of $data",
);
foreach (['receipt', 'none'] as $ack) {
    ini_set('rustecho.ack', $ack);
    rustecho_publish(['c'], 'e', '1');
    $sidecar->stop();
    throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '2'), 'start the sidecar');
    $sidecar->start();
    rustecho_publish(['c'], 'e', "\"healed $ack\"");
    $arrives("\"healed $ack\"");
    // And with the connection still open on this side when the sidecar is replaced.
    $sidecar->stop();
    $sidecar->start();
    rustecho_publish(['c'], 'e', "\"replaced $ack\"");
    $arrives("\"replaced $ack\"");
}
ini_set('rustecho.ack', 'receipt');

// A connection that the sidecar closes in place of an answer: written again with the same id, then given up.
$error = throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '{"do":"close"}'), 'closed the connection twice');
same(Rustecho\Exception::FATE_UNKNOWN, $error?->getCode(), 'the code: the event may have arrived');
$tries = array_column(array_filter($sidecar->of('publish'), static fn ($p) => $p['data'] === '{"do":"close"}'), 'id');
check(count($tries) === 2 && $tries[0] === $tries[1], 'two tries with one id', $tries);

// Whoever closes, or answers something else, may not be a sidecar: the message says where and as whom, and what shows more.
$about = [$sidecar->socket, 'as user ', 'unixSocket.path', '`php --ri rustecho`'];
foreach (['close', 'garble'] as $do) {
    throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', "{\"do\":\"$do\"}"), ...$about);
}

// No answer: the timeout, once, and a good connection afterwards.
$timed = static function (array $options, string $data, string ...$parts): ?Throwable {
    $start = hrtime(true);
    $error = throws(Timeout::class, static fn () => rustecho_publish(['c'], 'e', $data, null, $options), ...$parts);
    $took = (hrtime(true) - $start) / 1e6;
    check($took >= 95 && $took < 600, 'a call with 100 ms ends in time', $took);
    return $error;
};
$error = $timed(['timeout_ms' => 100], '{"do":"hang"}', 'within 100 ms', 'waiting for the answer', 'may still arrive');
same(Rustecho\Exception::FATE_UNKNOWN, $error?->getCode(), 'the code: the event may have arrived');
same(true, rustecho_publish(['c'], 'e', '3')['accepted'], 'accepted after a timeout');

// A process that is stopped listens still, but takes and answers nothing.
$sidecar->signal(19);
$big = '"' . str_repeat('x', 3 << 20) . '"';
$error = $timed(['timeout_ms' => 100], $big, 'writing the event', 'was not published');
same(0, $error?->getCode(), 'the code: the event has not arrived');
$timed(['timeout_ms' => 100], '1', 'waiting for the answer');
$timed(['timeout_ms' => 100, 'ack' => 'none'], $big, 'writing the event');
$sidecar->signal(18);
same(true, rustecho_publish(['c'], 'e', '4')['accepted'], 'accepted after the stop');

$counters = rustecho_status()['counters'];
same(4, $counters['timeouts'], 'timeouts');
same(9, $counters['failures'], 'failures');
check(str_contains((string) rustecho_status()['last_error'], 'within 100 ms'), 'the last error is told');

done();
