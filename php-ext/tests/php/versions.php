<?php

/** A sidecar that speaks no protocol version of this extension is told from the first connection on, in one sentence. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

putenv('FAKE_SIDECAR_SPEAKS=2-4');
$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');

$own = phpversion('rustecho');
$sentence = "the sidecar 7.7.7 speaks protocol versions 2 to 4, this publisher $own speaks 1: install the same release of both";
$error = throws(Rustecho\Refused::class, static fn () => rustecho_publish(['c'], 'e', '1'), $sentence);
same(1, $error?->getCode(), 'the reason in the wire format');
same(false, rustecho_status()['compatible'], 'the status says so too');
check(str_contains((string) rustecho_status()['last_error'], $sentence), 'and why', rustecho_status()['last_error']);

done();
