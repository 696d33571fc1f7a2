<?php

/** A panic in Rust is an `Error` in PHP, which can be caught; the process lives, and the next event is published. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';
require __DIR__ . '/../support/fpm.php';

$clock = dirname((string) getenv('RUSTECHO_EXTENSION')) . '/broken-clock.so';
if (getenv('LD_PRELOAD') !== $clock) {
    $source = __DIR__ . '/../support/broken-clock.c';
    if (!is_file($clock) || filemtime($clock) < filemtime($source)) {
        exec('command -v cc', $found, $status);
        $status === 0 || skip('no C compiler to break the clock with: install gcc');
        passthru('cc -shared -fPIC -o ' . escapeshellarg($clock) . ' ' . escapeshellarg($source), $status);
        $status === 0 || exit(1);
    }
    // Once more, with the clock. What the panics print is not wanted here.
    $again = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('RUSTECHO_EXTENSION'), __FILE__];
    $process = proc_open($again, [2 => ['file', '/dev/null', 'w']], $pipes, null, ['LD_PRELOAD' => $clock] + getenv());
    exit(proc_close($process));
}

$broken = static function (callable $call): mixed {
    putenv('BROKEN_CLOCK=1');
    try {
        return $call();
    } finally {
        putenv('BROKEN_CLOCK');
    }
};
$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
ini_set('rustecho.on_failure', 'throw');
rustecho_publish(['c'], 'e', '1');

foreach ([1, 2] as $time) {
    throws(Error::class, static fn () => $broken(static fn () => rustecho_publish(['c'], 'e', '2')), 'panic', 'invalid timestamp');
}
same(true, rustecho_publish(['c'], 'e', '3')['accepted'], 'accepted after a panic');
same(['1', '3'], array_column($sidecar->of('publish'), 'data'), 'what arrived');

rustecho_publish(['c'], 'e', '4', options: ['ack' => 'deferred']);
throws(Error::class, static fn () => $broken(static fn () => rustecho_flush()), 'panic');
check(is_array(rustecho_flush()), 'events can be collected after a panic');

// With an open circuit breaker even the status asks what time it is, and what is outside PHP's reach must not panic.
$sidecar->stop();
foreach (range(1, 5) as $time) {
    throws(Rustecho\ConnectionFailed::class, static fn () => rustecho_publish(['c'], 'e', '5'));
}
same('open', rustecho_status()['breaker'], 'the breaker');
same('7.7.7', $broken(static fn () => rustecho_status())['sidecar'], 'the status');
ob_start();
$broken(static fn () => phpinfo(INFO_MODULES));
check(str_contains(ob_get_clean(), "\nrustecho\n"), 'phpinfo() comes to its end');

// A worker of php-fpm, in the request and at its end: the variable goes with the request, after the modules.
$sidecar->start();
$fpm = new Fpm(dirname($sidecar->socket), ['rustecho.socket' => $sidecar->socket, 'rustecho.timeout_ms' => '10000']);
$request = static fn (string $before) => $fpm->run(<<<PHP
    $before
    try {
        \$answer = rustecho_publish(['orders'], 'Shipped', '1');
    } catch (Throwable \$error) {
        \$answer = ['error' => \$error::class];
    }
    echo json_encode(\$answer + ['pid' => getmypid()]);
    PHP);
$deferred = "rustecho_publish(['orders'], 'Shipped', '0', null, ['ack' => 'deferred']);";
$first = $request('');
$second = $request("$deferred putenv('BROKEN_CLOCK=1');");
$third = $request('');
same([true, 'Error', true], [$first['accepted'] ?? null, $second['error'] ?? null, $third['accepted'] ?? null], 'three requests');
same([$first['pid'], $first['pid']], [$second['pid'], $third['pid']], 'the worker is the same');

done();
