<?php

return [
    'defaults' => ['guard' => 'web', 'passwords' => 'users'],
    'guards' => ['web' => ['driver' => 'session', 'provider' => 'listed']],
    'providers' => ['listed' => ['driver' => 'listed']],
    'passwords' => [],
];
