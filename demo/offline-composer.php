<?php

// offline-composer.php APP PACKAGE    writes APP/composer.json: Laravel is Debian's (/usr/share/php/Illuminate), rustecho/laravel
// is the folder PACKAGE, and Packagist is off, so that `composer require rustecho/laravel` works without a network.

declare(strict_types=1);

require 'Illuminate/autoload.php';

[, $app, $package] = $argv;
$laravel = '/usr/share/php/Illuminate';
$version = Illuminate\Foundation\Application::VERSION;

// laravel/framework stands for all its parts; a package may ask for one of them by name.
$parts = [];
foreach (glob("$laravel/*", GLOB_ONLYDIR) ?: [] as $folder) {
    $part = strtolower((string) preg_replace('/(?<!^)[A-Z]/', '-$0', basename($folder)));
    $parts["illuminate/$part"] = 'self.version';
}

$json = json_encode([
    'name' => 'rustecho/demo',
    'type' => 'project',
    'license' => 'MIT',
    'repositories' => [
        ['packagist.org' => false],
        ['type' => 'path', 'url' => $package, 'options' => ['symlink' => true]],
        ['type' => 'package', 'package' => [
            'name' => 'laravel/framework',
            'version' => $version,
            'replace' => $parts,
            'provide' => ['psr/log' => '*'], // Debian's autoload.php brings it
            'dist' => ['type' => 'path', 'url' => $laravel, 'reference' => $version],
            'transport-options' => ['symlink' => true],
            'autoload' => ['files' => ['autoload.php']],
        ]],
    ],
    'require' => ['laravel/framework' => $version],
    'autoload' => ['psr-4' => ['App\\' => 'app/']],
    'scripts' => ['post-autoload-dump' => ['@php artisan package:discover --ansi']],
], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);

file_put_contents("$app/composer.json", "$json\n");
echo "Laravel $version from $laravel\n";
