<?php

/**
 * A sidecar for the extension's tests, written from docs/wire-format.md alone. It accepts, answers and writes down what came.
 * Data may ask for more: {"do":"hang"} is not answered, {"do":"close"} ends the connection, {"do":"stop"} the process, and
 * {"do":"garble"} is answered as another service would. The variable FAKE_SIDECAR_SPEAKS names the protocol versions it says that
 * it speaks: 1-1.
 *
 * Usage: php fake-sidecar.php SOCKET LOG
 */

declare(strict_types=1);

[, $path, $log] = $argv;

function str16(string $body, int &$at): string
{
    $len = unpack('n', $body, $at)[1];
    $text = substr($body, $at + 2, $len);
    $at += 2 + $len;
    return $text;
}

function send($stream, int $kind, string $body): void
{
    @fwrite($stream, "RE\x01" . chr($kind) . pack('N', strlen($body)) . $body);
}

function note(int $number, string $kind, array $what = []): void
{
    file_put_contents($GLOBALS['log'], json_encode(['connection' => $number, 'kind' => $kind] + $what) . "\n", FILE_APPEND);
}

function publish($stream, int $number, string $body): bool
{
    [$flags, $id] = [ord($body[0]), substr($body, 1, 16)];
    $at = 25;
    $count = unpack('n', $body, $at)[1];
    $at += 2;
    $channels = [];
    while ($count-- > 0) {
        $channels[] = str16($body, $at);
    }
    [$event, $socket, $trace] = [str16($body, $at), str16($body, $at), str16($body, $at)];
    $data = substr($body, $at);
    $value = json_decode($data, true);
    $wrong = json_last_error() === JSON_ERROR_NONE ? null : 'data: ' . json_last_error_msg();
    note($number, 'publish', [
        'id' => bin2hex($id), 'receipt' => ($flags & 1) === 1, 'channels' => $channels, 'event' => $event,
        'socket' => $socket, 'trace' => $trace, 'data' => strlen($data) > 1000 ? md5($data) : $data,
    ]);
    if ($wrong !== null) {
        send($stream, 5, $id . pack('n', 3) . pack('n', strlen($wrong)) . $wrong);
        return true;
    }
    $do = is_array($value) ? $value['do'] ?? null : null;
    if ($do === 'stop') {
        exit(0);
    }
    if ($do === 'garble') {
        @fwrite($stream, "HTTP/1.1 400 Bad Request\r\n\r\n");
        return true;
    }
    if ($do !== 'hang' && $do !== 'close' && ($flags & 1) === 1) {
        send($stream, 4, $id . pack('N', count($channels)));
    }
    return $do !== 'close';
}

/** Takes the whole frames off the buffer; false when the connection shall end. */
function frames($stream, int $number, string &$buffer): bool
{
    while (strlen($buffer) >= 8) {
        ['magic' => $magic, 'version' => $version, 'kind' => $kind, 'len' => $len]
            = unpack('a2magic/Cversion/Ckind/Nlen', $buffer);
        if ($magic !== 'RE' || $version !== 1) {
            note($number, 'garbage');
            return false;
        }
        if (strlen($buffer) < 8 + $len) {
            return true;
        }
        $body = substr($buffer, 8, $len);
        $buffer = substr($buffer, 8 + $len);
        if ($kind === 1) {
            $at = 0;
            note($number, 'hello', ['client' => str16($body, $at), 'pid' => unpack('N', $body, $at)[1]]);
            $spoken = array_map('intval', explode('-', getenv('FAKE_SIDECAR_SPEAKS') ?: '1-1'));
            send($stream, 2, pack('n', 5) . '7.7.7' . pack('CCN', ...$spoken, ...[12 << 20]));
        } elseif (!publish($stream, $number, $body)) {
            return false;
        }
    }
    return true;
}

@unlink($path);
$server = stream_socket_server("unix://$path", $errno, $error) ?: exit("cannot listen on $path: $error\n");
chmod($path, 0666);
note(-1, 'ready');
[$streams, $buffers, $next] = [[], [], 0];
while (true) {
    $read = [...$streams, 'server' => $server];
    $write = $except = null;
    if (stream_select($read, $write, $except, null) === false) {
        exit(1);
    }
    foreach ($read as $stream) {
        if ($stream === $server) {
            $streams["c$next"] = stream_socket_accept($server);
            stream_set_blocking($streams["c$next"], false);
            $buffers["c$next"] = '';
            $next++;
            continue;
        }
        $key = array_search($stream, $streams, true);
        $number = (int) substr($key, 1);
        $chunk = (string) fread($stream, 65536);
        $buffers[$key] .= $chunk;
        $goesOn = frames($stream, $number, $buffers[$key]);
        if (!$goesOn || ($chunk === '' && feof($stream))) {
            note($number, 'end');
            fclose($stream);
            unset($streams[$key], $buffers[$key]);
        }
    }
}
