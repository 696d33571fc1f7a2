<?php

/** The block in phpinfo(), and the defaults of the ini settings. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

same('/run/rustecho/rustecho.sock', ini_get('rustecho.socket'), 'the default of rustecho.socket');
same('50', ini_get('rustecho.timeout_ms'), 'the default of rustecho.timeout_ms');
same('receipt', ini_get('rustecho.ack'), 'the default of rustecho.ack');
foreach (ini_get_all('rustecho') as $name => $setting) {
    same(INI_ALL, $setting['access'], "who may set $name");
}

$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
$info = static function (): array {
    ob_start();
    phpinfo(INFO_MODULES);
    preg_match_all('/^(.+?) => (.*)$/m', explode("\nrustecho\n", ob_get_clean())[1] ?? '', $rows);
    return array_combine($rows[1], $rows[2]);
};

$before = $info();
same('enabled', $before['rustecho support'] ?? null, 'the first row');
same([phpversion('rustecho'), '1'], [$before['Version'], $before['Protocol version']], 'the versions');
same([$sidecar->socket, 'no', 'not known yet'], [$before['rustecho.socket'], $before['Connected'], $before['Sidecar version']], 'before the first publish');

rustecho_publish(['c'], 'e', '1');
$after = $info();
same(['yes', '7.7.7', '1', '1'], [$after['Connected'], $after['Sidecar version'], $after['Events published'], $after['Receipts']], 'after it');

done();
