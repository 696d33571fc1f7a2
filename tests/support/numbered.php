<?php

// One publisher, as a queue worker is one: publishes numbered notes by turns on each group of channels, and says each number.
// php numbered.php COUNT PAUSE_US GROUPS [PADDING], the groups as JSON: [["open"], ["private-a", "private-b"]]

[, $count, $pause, $groups] = $argv;
$padding = str_repeat('x', (int) ($argv[4] ?? 0));
$groups = json_decode($groups);
for ($note = 0; $note < $count; $note++) {
    rustecho_publish($groups[$note % count($groups)], 'App\Events\Note', json_encode(['note' => (string) $note, 'padding' => $padding]));
    echo "$note\n";
    usleep((int) $pause);
}
