<?php

/** A spool on a disk that is full: the call says so, and only whole records stay. */

declare(strict_types=1);

use Rustecho\ConnectionFailed;

require __DIR__ . '/../support/support.php';

$dir = sys_get_temp_dir() . '/rustecho-full-' . getmypid();
mkdir($dir, 0700);
exec('mount -t tmpfs -o size=64k,mode=0700 tmpfs ' . escapeshellarg($dir) . ' 2>&1', $said, $status);
if ($status !== 0) {
    rmdir($dir);
    echo 'no disk can be filled: only root can mount a small one';
    done();
}
register_shutdown_function(static function () use ($dir): void {
    exec('umount -l ' . escapeshellarg($dir));
    rmdir($dir);
});
$publish = static fn (int $bytes) => rustecho_publish(['c'], 'e', '"' . str_repeat('x', $bytes) . '"', null, [
    'socket' => "$dir.sock", 'spool' => $dir,
]);
$size = static function () use ($dir): int {
    clearstatcache();
    return array_sum(array_map('filesize', glob("$dir/*.spool")));
};

same(true, $publish(10_000)['spooled'], 'there is room');
$whole = $size();
throws(ConnectionFailed::class, static fn () => $publish(100_000), 'could not be spooled', 'No space left on device', $dir);
same($whole, $size(), 'bytes after the failure: no torn record');
same(true, $publish(10)['spooled'], 'a small event still fits');

done();
