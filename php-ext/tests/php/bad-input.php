<?php

/** Bad arguments, options and settings throw, say which and why, and leave the connection good. */

declare(strict_types=1);

use Rustecho\ConnectionFailed;
use Rustecho\InvalidEvent;
use Rustecho\InvalidOption;
use Rustecho\Refused;

require __DIR__ . '/../support/support.php';

$sidecar = Sidecar::inNewDirectory();
ini_set('rustecho.socket', $sidecar->socket);
ini_set('rustecho.timeout_ms', '10000');
$publish = static fn (mixed ...$arguments) => static fn () => rustecho_publish(...$arguments);
$options = static fn (array $options) => $publish(['c'], 'e', '1', null, $options);

throws(InvalidEvent::class, $publish([], 'e', '1'), 'channels: the list is empty', '1 to 100');
throws(InvalidEvent::class, $publish(array_fill(0, 101, 'many'), 'e', '1'), '101 channels', '"many"', 'limit of 100');
throws(InvalidEvent::class, $publish(['a', ''], 'e', '1'), 'channels[1]: the name is empty');
throws(InvalidEvent::class, $publish([str_repeat('x', 513)], 'e', '1'), 'channels[0]', '513 bytes', 'limit of 512');
throws(InvalidEvent::class, $publish(["a\xff"], 'e', '1'), 'channels[0]: not UTF-8', 'offset 1');
foreach ([[7, 'int'], [null, 'null'], [[], 'array'], [new stdClass(), 'object'], [1.5, 'float'], [true, 'bool']] as [$value, $type]) {
    throws(InvalidEvent::class, $publish(['a', 'k' => $value], 'e', '1'), "channels[k]: a channel name is a string, this is of type $type");
}
throws(InvalidEvent::class, $publish(["\xff" => "a\xff"], 'e', '1'), "channels[\u{fffd}]: not UTF-8", 'offset 1');
throws(InvalidEvent::class, $publish(['c'], '', '1'), 'event: the name is empty');
throws(InvalidEvent::class, $publish(['c'], str_repeat('e', 513), '1'), 'event: "eeee', '513 bytes', 'limit of 512');
throws(InvalidEvent::class, $publish(['c'], "\xc3", '1'), 'event: not UTF-8');
throws(InvalidEvent::class, $publish(['c'], 'e', '1', str_repeat('s', 256)), 'socket id: "ssss', '256 bytes', 'limit of 255');
throws(InvalidEvent::class, $publish(['c'], 'e', "\"\xff\""), 'json: not UTF-8, the first wrong byte is at offset 1');
throws(InvalidEvent::class, $publish(['c'], 'e', '"' . str_repeat('x', 12 << 20) . '"'), 'data: 12582914 bytes', 'limit of 12582912');
throws(InvalidEvent::class, $publish(['c'], 'e', str_repeat('x', 32_000) . "\xff", null, ['ack' => 'none']), 'json: not UTF-8', 'offset 32000');
throws(TypeError::class, $publish('c', 'e', '1'), '`channels`');
throws(TypeError::class, $publish(['c'], 5, '1'), '`event`');
throws(ArgumentCountError::class, $publish(['c'], 'e'));

// Whether it is JSON the sidecar says, where its answer is awaited; the connection goes on.
$refused = throws(Refused::class, $publish(['c'], 'e', '{"a":'), 'code 3', 'data: Syntax error');
same(3, $refused?->getCode(), 'the code of a refusal');

throws(InvalidOption::class, $options(['timeout' => 5]), 'options: "timeout" is not an option', 'timeout_ms');
throws(InvalidOption::class, $options(['nope' => null]), 'options: "nope" is not an option');
throws(InvalidOption::class, $options([0 => 'x']), 'options: "0" is not an option');
throws(InvalidOption::class, $options(["\xff" => 'x']), "options: \"\u{fffd}\" is not an option");
throws(InvalidOption::class, $options(['socket' => "\xff"]), "options['socket']: a value of type string is not a string of UTF-8");
throws(InvalidOption::class, $options(['timeout_ms' => '50']), "options['timeout_ms']: a value of type string is not a whole number");
throws(InvalidOption::class, $options(['timeout_ms' => 0]), "options['timeout_ms']: \"0\" is not", 'from 1 to 60000');
throws(InvalidOption::class, $options(['ack' => 'yes']), "options['ack']: \"yes\" is not \"receipt\", \"deferred\" or \"none\"");
throws(InvalidOption::class, $options(['id' => 'xyz']), "options['id']: \"xyz\" is not 32 hexadecimal digits");
throws(InvalidOption::class, $options(['socket' => '']), "options['socket']: \"\" is not the absolute path");
throws(InvalidOption::class, $options(['socket' => []]), "options['socket']: a value of type array is not a string");
throws(InvalidOption::class, $options(['socket' => str_repeat('/x', 60)]), 'at most 107 bytes');

foreach (['rustecho.timeout_ms' => ['0', '60001', 'soon', '-1', '1.5', ''], 'rustecho.ack' => ['maybe'], 'rustecho.socket' => ['/' . str_repeat('x', 108), 'storage/rustecho.sock']] as $name => $values) {
    foreach ($values as $value) {
        $before = ini_set($name, $value);
        throws(InvalidOption::class, $publish(['c'], 'e', '1'), "$name: \"" . substr($value, 0, 64) . '"');
        check(str_contains((string) rustecho_status()['settings_error'], $name), "the status names $name");
        ini_set($name, $before);
    }
}

// All of that, and the next publish is fine on the same connection.
same(true, rustecho_publish(['c'], 'e', '1')['accepted'], 'accepted');
same(1, count($sidecar->of('hello')), 'one connection all the time');
same([], $sidecar->of('garbage'), 'no byte of a bad event was written');

$missing = dirname($sidecar->socket) . '/missing.sock';
$error = throws(ConnectionFailed::class, $options(['socket' => $missing]), $missing, '(uid ', 'No such file', 'os error 2', 'start the sidecar', '`rustecho doctor`');
same([0, __FILE__], [$error?->getCode(), $error?->getFile()], 'code and file of an exception');
throws(ConnectionFailed::class, $options(['socket' => $missing]), 'asked again in', $missing, '(uid ', 'os error 2', '`rustecho doctor`');
check($error instanceof Rustecho\Exception && $error instanceof RuntimeException, 'it is a RuntimeException');

done();
