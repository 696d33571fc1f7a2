<?php

// A request as bounded.mjs makes it: a little work, and one publish. Prints what the call took in microseconds, and its outcome.

declare(strict_types=1);

for ($n = 0, $hash = ''; $n < 500; $n++) {
    $hash = md5($hash . $n);
}
$start = hrtime(true);
try {
    $outcome = rustecho_publish(['orders'], 'Shipped', '{"n":1}')['spooled'] ? 'spooled' : 'accepted';
} catch (Rustecho\Exception $error) {
    $outcome = $error->getMessage();
}
echo (hrtime(true) - $start) / 1000, ' ', $outcome;
