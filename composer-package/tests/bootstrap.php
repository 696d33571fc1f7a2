<?php

declare(strict_types=1);

// Composer's autoloader where there is one; else Debian's Laravel and an autoloader for this package.
$composer = __DIR__ . '/../vendor/autoload.php';
if (is_file($composer)) {
    require $composer;

    return;
}

require '/usr/share/php/Illuminate/autoload.php';

spl_autoload_register(static function (string $class): void {
    $roots = ['Rustecho\\Laravel\\Tests\\' => 'tests/', 'Rustecho\\Laravel\\' => 'src/', 'Rustecho\\' => 'exceptions/'];
    foreach ($roots as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            $file = dirname(__DIR__) . "/$folder" . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
            if (is_file($file)) {
                require $file;
            }

            return;
        }
    }
});
