<?php

/** A fork after the first publish opens a connection of its own; the parent's goes on. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

if (!function_exists('pcntl_fork')) {
    skip('this PHP has no pcntl');
}
$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
$parent = rustecho_publish(['c'], 'e', '"parent 1"');

$children = [];
foreach ([1, 2] as $number) {
    $pid = pcntl_fork();
    if ($pid === 0) {
        $before = rustecho_status();
        same([false, 0], [$before['connected'], $before['counters']['published']], 'the status of a new fork');
        $receipt = rustecho_publish(['c'], 'e', "\"child $number\"");
        check(substr($receipt['id'], 0, 16) !== substr($parent['id'], 0, 16), 'the fork draws ids of its own');
        same(1, rustecho_status()['counters']['published'], 'the counters of the fork');
        done();
    }
    $children[] = $pid;
}
foreach ($children as $pid) {
    pcntl_waitpid($pid, $status);
    same(0, $status, 'the exit status of a child');
}
rustecho_publish(['c'], 'e', '"parent 2"');

$connections = array_column($sidecar->of('publish'), 'connection', 'data');
same($connections['"parent 1"'], $connections['"parent 2"'], 'the connection of the parent');
same(3, count(array_unique($connections)), 'connections of three processes');
same([getmypid(), ...$children], array_values(array_intersect([getmypid(), ...$children], array_column($sidecar->of('hello'), 'pid'))), 'who said hello');
same(0, rustecho_status()['counters']['reconnects'], 'reconnects of the parent');

done();
