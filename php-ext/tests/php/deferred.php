<?php

/** Deferred receipts: written at once, collected by rustecho_flush() or at the end of the request. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';
require __DIR__ . '/../support/fpm.php';

$sidecar = Sidecar::inNewDirectory();
$dir = dirname($sidecar->socket);
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '5000');
ini_set('rustecho.ack', 'deferred');
ini_set('rustecho.on_failure', 'throw');
ini_set('rustecho.breaker_ms', '0');
$received = static fn () => array_column($sidecar->of('publish'), 'data');

same(['accepted' => 0, 'spooled' => 0, 'failed' => 0, 'failures' => []], rustecho_flush(), 'nothing to report');

// Written at once: the sidecar has it before anybody asks for the receipt.
$answer = rustecho_publish(['c'], 'e', '"one"');
same([false, false, null], [$answer['accepted'], $answer['spooled'], $answer['subscribers']], 'the answer');
until(static fn () => $received() === ['"one"'], 'the arrival of a deferred event');
rustecho_publish(['c'], 'e', '"two"');
check(rustecho_status()['pending'] >= 1, 'the last one is pending', rustecho_status()['pending']);
$bad = rustecho_publish(['c'], 'e', '{nope');
$flushed = rustecho_flush();
same([2, 0, 1], [$flushed['accepted'], $flushed['spooled'], $flushed['failed']], 'the report');
same([$bad['id'], 3], [$flushed['failures'][0]['id'], $flushed['failures'][0]['code']], 'the failure');
check(str_contains($flushed['failures'][0]['message'], 'data:'), 'the reason', $flushed['failures'][0]['message']);
same(0, rustecho_flush()['failed'], 'a failure is reported once');

// With `more` an event waits for the next one.
rustecho_publish(['c'], 'e', '"three"', null, ['more' => true]);
rustecho_publish(['c'], 'e', '"four"');
same(2, rustecho_flush()['accepted'], 'accepted');
same(['"three"', '"four"'], array_slice($received(), -2), 'in their order');

// What was held back and never written cannot have arrived.
rustecho_publish(['c'], 'e', '"nowhere"', null, ['more' => true, 'socket' => "$dir/nowhere.sock"]);
$flushed = rustecho_flush();
same([1, 0, 0], [$flushed['failed'], $flushed['failures'][0]['code'], $flushed['failures'][0]['fate']], 'what is known of it');

// However many other sidecars the request publishes to, nothing that waits is lost.
rustecho_publish(['c'], 'e', '"waits"', null, ['more' => true]);
foreach (range(1, 20) as $n) {
    $away = ['socket' => "$dir/away-$n.sock", 'ack' => 'receipt'];
    throws(Rustecho\ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '1', null, $away), 'No such file');
}
same(1, rustecho_flush()['accepted'], 'accepted');

// Without receipts, too; nothing is written before somebody says so.
$bytes = rustecho_status()['counters']['bytes'];
rustecho_publish(['c'], 'e', '"five"', null, ['more' => true, 'ack' => 'none']);
rustecho_publish(['c'], 'e', '"six"', null, ['more' => true, 'ack' => 'none']);
same([$bytes, 2], [rustecho_status()['counters']['bytes'], rustecho_status()['pending']], 'held back');
same(['accepted' => 0, 'spooled' => 0, 'failed' => 0, 'failures' => []], rustecho_flush(0), 'written only');
same(0, rustecho_status()['pending'], 'no answer is waited for');
until(static fn () => array_slice($received(), -2) === ['"five"', '"six"'], 'the arrival of both');

// No answer: over in time, and told.
rustecho_publish(['c'], 'e', '{"do":"hang"}');
$start = hrtime(true);
$flushed = rustecho_flush(100);
$took = (hrtime(true) - $start) / 1e6;
check($took >= 95 && $took < 600, 'a flush with 100 ms ends in time', $took);
same([1, 0], [$flushed['failed'], $flushed['failures'][0]['code']], 'the report');
same(Rustecho\Exception::FATE_UNKNOWN, $flushed['failures'][0]['fate'], 'it may have arrived');
throws(Rustecho\InvalidOption::class, static fn () => rustecho_flush(-1), 'timeout_ms', '1 to 60000');

// After a fork each process reports its own.
rustecho_publish(['c'], 'e', '"parent"');
if (function_exists('pcntl_fork')) {
    $child = pcntl_fork();
    if ($child === 0) {
        exit(rustecho_flush()['accepted'] === 0 && rustecho_publish(['c'], 'e', '"child"')['id'] && rustecho_flush()['accepted'] === 1 ? 0 : 1);
    }
    pcntl_waitpid($child, $status);
    same(0, pcntl_wexitstatus($status), 'the child\'s own events');
}
same(1, rustecho_flush()['accepted'], 'the parent\'s own events');

// In php-fpm the end of the request collects; what failed is in PHP's log.
$log = "$dir/php-errors.log";
touch($log);
chmod($log, 0666);
$fpm = new Fpm($dir, [
    'rustecho.socket' => $sidecar->socket, 'rustecho.ack' => 'deferred', 'rustecho.timeout_ms' => '2000',
    'rustecho.on_failure' => 'throw', 'error_log' => $log,
]);
$fpm->run('rustecho_publish(["c"], "e", "\"request\""); echo json_encode([1]);');
$status = $fpm->run('echo json_encode(rustecho_status());');
same([1, 0, 0], [$status['counters']['receipts'], $status['pending'], $status['counters']['failures']], 'collected at the end of the request');
same('', file_get_contents($log), 'PHP\'s log');
$fpm->run('rustecho_publish(["c"], "e", "\"good\""); rustecho_publish(["c"], "e", "{nope"); echo json_encode([1]);');
until(static fn () => file_get_contents($log) !== '', 'a line in PHP\'s log');
check(preg_match('/rustecho: 1 deferred events were not published; the first, [0-9a-f]{32}: data:/', file_get_contents($log)) === 1, 'the line', file_get_contents($log));

done();
