<?php

// One request of the kill test: publishes events and says which calls returned, in the order of the calls.

$told = [];
for ($left = (int) $_GET['events']; $left > 0; $left--) {
    // Grows from call to call, and from request to request of this process.
    $number = hrtime(true);
    try {
        $answer = rustecho_publish(['orders'], 'Shipped', json_encode(['worker' => getmypid(), 'number' => $number]));
        $told[] = [$number, $answer['spooled'] ? 'spooled' : 'direct'];
    } catch (Rustecho\Exception $error) {
        $told[] = [$number, $error->getMessage()];
    }
}
echo json_encode(['worker' => getmypid(), 'told' => $told]);
