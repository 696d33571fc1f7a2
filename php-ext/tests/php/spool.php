<?php

/** While the sidecar is away events go to disk, in order, bounded, and no call pays for the absence twice. */

declare(strict_types=1);

use Rustecho\ConnectionFailed;

require __DIR__ . '/../support/support.php';

$sidecar = Sidecar::inNewDirectory();
$dir = dirname($sidecar->socket) . '/spool';
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '5000');
same($dir, rustecho_status()['spool'], 'the default directory');

/** The data of the events in the spool, file after file: a second reader of the format in wire/src/spool.rs. */
$spooled = static function () use ($dir): array {
    $found = [];
    foreach (glob("$dir/*.spool") as $file) {
        $bytes = file_get_contents($file);
        same('RESPOOL1', substr($bytes, 0, 8), 'the start of a spool file');
        for ($at = 8; $at < strlen($bytes); $at += 16 + $len) {
            $len = unpack('N', $bytes, $at)[1];
            same(crc32(substr($bytes, $at + 8, 8 + $len)), unpack('N', $bytes, $at + 4)[1], 'a record\'s checksum');
            $frame = substr($bytes, $at + 16, $len);
            same(['RE', 2], [substr($frame, 0, 2), ord($frame[8])], 'a publish frame with the flag replayed');
            $found[] = preg_replace('/^.*\0(?=")/s', '', $frame);
        }
    }
    return $found;
};

// Without the directory a failure is thrown, and says so.
$sidecar->stop();
throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '1'), 'start the sidecar', "could not be spooled", $dir);

// With it the call succeeds.
mkdir($dir, 0700);
$first = rustecho_publish(['c'], 'e', '"first"');
same([true, false, null], [$first['spooled'], $first['accepted'], $first['subscribers']], 'the answer of a spooled event');
foreach (['none', 'deferred'] as $ack) {
    same(true, rustecho_publish(['c'], 'e', "\"$ack\"", null, ['ack' => $ack])['spooled'], "spooled with $ack");
}
same(['"first"', '"none"', '"deferred"'], $spooled(), 'the spool');
same([3, true], [rustecho_status()['counters']['spooled'], rustecho_status()['spooling']], 'the status');

// The sidecar is back, but what waits goes first.
$sidecar->start();
same(true, rustecho_publish(['c'], 'e', '"behind"')['spooled'], 'spooled behind the others');
array_map('unlink', glob("$dir/*"));
$direct = until(
    static fn () => ($answer = rustecho_publish(['c'], 'e', '"direct"'))['accepted'] ? $answer : array_map('unlink', glob("$dir/*")) && false,
    'a direct publish after the drain',
);
same([false, 1], [$direct['spooled'], $direct['subscribers']], 'the answer of a direct event');
same('closed', rustecho_status()['breaker'], 'the breaker');

// A sidecar that hangs costs its timeout once, not every time.
$sidecar->signal(19);
$start = hrtime(true);
for ($n = 0; $n < 50; $n++) {
    same(true, rustecho_publish(['c'], 'e', "\"hung $n\"", null, ['timeout_ms' => 100, 'breaker_ms' => 100_000])['spooled'], 'spooled');
}
$took = (hrtime(true) - $start) / 1e6;
check($took >= 95 && $took < 1000, 'fifty calls to a hung sidecar in milliseconds', $took);
same('open', rustecho_status()['breaker'], 'the breaker');
same(array_map(static fn ($n) => "\"hung $n\"", range(0, 49)), $spooled(), 'the spool, in order');
// The same where failures are thrown.
$error = throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '1', null, ['on_failure' => 'throw']), 'asked again in', 'within 100 ms');
same(0, $error?->getCode(), 'the code: nothing was written');
$sidecar->signal(18);

// The bound.
array_map('unlink', glob("$dir/*"));
ini_set('rustecho.spool_max_bytes', '100K');
$big = '"' . str_repeat('x', 60_000) . '"';
same(true, rustecho_publish(['c'], 'e', $big)['spooled'], 'spooled within the bound');
throws(ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', $big), 'is full', 'rustecho.spool_max_bytes');
same([$big], $spooled(), 'the spool after an event too many');

// Bad settings name themselves.
$invalid = static fn (array $options, string ...$parts) =>
    throws(Rustecho\InvalidOption::class, static fn () => rustecho_publish(['c'], 'e', '1', null, $options), ...$parts);
$invalid(['on_failure' => 'weep'], "options['on_failure']", '"spool" or "throw"');
$invalid(['breaker_ms' => -1], "options['breaker_ms']", '0 to 600000');
$invalid(['spool' => 'relative'], "options['spool']", 'absolute path');
$invalid(['more' => 'yes'], "options['more']", 'true or false');
ini_set('rustecho.spool_max_bytes', 'plenty');
$invalid([], 'rustecho.spool_max_bytes', '"plenty"');
check(str_contains((string) rustecho_status()['settings_error'], 'plenty'), 'the status names the bad setting');

done();
