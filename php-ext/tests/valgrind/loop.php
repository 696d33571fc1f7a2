<?php

/** Publishes in every way there is, so many times. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
ini_set('rustecho.spool', dirname($sidecar->socket) . '/spool');
for ($count = (int) $argv[1]; $count > 0; $count--) {
    rustecho_publish(['orders', "private-orders.$count"], 'App\Events\Shipped', json_encode(['count' => $count]), 'abc-1');
    rustecho_publish(['orders'], 'Shipped', '1', options: ['ack' => 'none', 'trace' => '00-aa-bb-01']);
    rustecho_publish(['orders'], 'Shipped', '2', options: ['ack' => 'deferred']);
    rustecho_flush();
    rustecho_status();
    throws(Rustecho\InvalidEvent::class, static fn () => rustecho_publish([], 'Shipped', '3'));
    throws(Rustecho\InvalidOption::class, static fn () => rustecho_publish(['c'], 'Shipped', '4', null, ['ack' => 'soon']));
}
// And without a sidecar: into the spool, or an exception.
$sidecar->stop();
foreach (['spool', 'throw'] as $policy) {
    try {
        rustecho_publish(['orders'], 'Shipped', '5', null, ['on_failure' => $policy, 'timeout_ms' => 500]);
    } catch (Rustecho\Exception) {
        continue;
    }
}
ob_start();
phpinfo(INFO_MODULES);
ob_end_clean();
done();
