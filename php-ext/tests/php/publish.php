<?php

/** What rustecho_publish() writes, returns and keeps. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');

$receipt = rustecho_publish(['orders', 'private-orders.1'], 'App\Events\Shipped', '{"total": 9.50}', 'abc-1');
same(['id', 'subscribers', 'accepted', 'spooled'], array_keys($receipt), 'the keys of a receipt');
same([2, true], [$receipt['subscribers'], $receipt['accepted']], 'the receipt');
check(preg_match('/^[0-9a-f]{32}$/', $receipt['id']) === 1, 'the id is 32 hexadecimal digits', $receipt['id']);
same([
    'connection' => 0, 'kind' => 'publish', 'id' => $receipt['id'], 'receipt' => true,
    'channels' => ['orders', 'private-orders.1'], 'event' => 'App\Events\Shipped',
    'socket' => 'abc-1', 'trace' => '', 'data' => '{"total": 9.50}',
], $sidecar->of('publish')[0], 'what arrived');

$hello = $sidecar->of('hello')[0];
same(sprintf('rustecho-ext/%s php/%s cli', phpversion('rustecho'), PHP_VERSION), $hello['client'], 'who says hello');
same(getmypid(), $hello['pid'], 'the pid in the hello');

// Arrays with holes, keys and references are lists of names all the same.
$name = 'by-reference';
rustecho_publish(['x' => 'a', 7 => 'b', 'r' => &$name], 'e', 'null');
same(['a', 'b', 'by-reference'], $sidecar->of('publish')[1]['channels'], 'the channels');

// Every option, and null as if it were not there.
$id = str_repeat('0f', 16);
$options = ['id' => $id, 'trace' => '00-aa-bb-01', 'ack' => null, 'socket' => null, 'timeout_ms' => 10000];
same($id, rustecho_publish(['c'], 'e', '1', null, $options)['id'], 'the id that was given');
same([$id, '00-aa-bb-01'], [$sidecar->of('publish')[2]['id'], $sidecar->of('publish')[2]['trace']], 'id and trace');

// Without a receipt: by option, by ini_set().
$none = ['id' => $id, 'subscribers' => null, 'accepted' => false, 'spooled' => false];
same($none, rustecho_publish(['c'], 'e', '4', options: ['ack' => 'none', 'id' => $id]), 'the answer without a receipt');
ini_set('rustecho.ack', 'none');
same(false, rustecho_publish(['c'], 'e', '5')['accepted'], 'accepted, with ack=none in the ini settings');
$arrived = until(static fn () => array_slice($sidecar->of('publish'), 3, 2) ?: null, 'the publish without a receipt');
same(false, $arrived[0]['receipt'], 'a receipt is asked for');
ini_set('rustecho.ack', 'receipt');

// Bytes arrive as they are: text of every width, and a megabyte.
$text = json_encode(['größer ☃ 𝄞', str_repeat('x', 1 << 20)], JSON_UNESCAPED_UNICODE);
rustecho_publish(['c'], 'e', $text);
same(md5($text), $sidecar->of('publish')[5]['data'], 'a megabyte');

same(1, count($sidecar->of('hello')), 'one connection for all of it');
$status = rustecho_status();
same(['published' => 6, 'receipts' => 4], array_slice($status['counters'], 0, 2), 'the counters');
same([true, '7.7.7', 12 << 20], [$status['connected'], $status['sidecar'], $status['max_data']], 'the status');

// Another sidecar by option: a connection of its own, the first one stays.
$other = Sidecar::inNewDirectory();
rustecho_publish(['c'], 'e', '6', null, ['socket' => $other->socket]);
same('6', $other->of('publish')[0]['data'], 'what the other sidecar got');
same(1, rustecho_status($other->socket)['counters']['published'], 'the counters of the other connection');
rustecho_publish(['c'], 'e', '7');
same(1, count($sidecar->of('hello')), 'the first connection is kept');

done();
