<?php

// offline-composer.php APP PACKAGE    writes APP/composer.json: Laravel and Guzzle are Debian's (/usr/share/php), rustecho/laravel
// is the folder PACKAGE, and Packagist is off, so that `composer require rustecho/laravel` works without a network.

declare(strict_types=1);

require 'Illuminate/autoload.php';

[, $app, $package] = $argv;
$debian = '/usr/share/php';
$version = Illuminate\Foundation\Application::VERSION;

// A folder of Debian's, presented to Composer as the package it is.
$present = fn (string $name, string $version, string $folder, array $more = []): array => [
    'type' => 'package',
    'package' => [
        'name' => $name,
        'version' => $version,
        'dist' => ['type' => 'path', 'url' => "$debian/$folder", 'reference' => $version],
        'transport-options' => ['symlink' => true],
        'autoload' => ['files' => ['autoload.php']],
    ] + $more,
];

// laravel/framework stands for all its parts; a package may ask for one of them by name.
$parts = [];
foreach (glob("$debian/Illuminate/*", GLOB_ONLYDIR) ?: [] as $folder) {
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
        $present('laravel/framework', $version, 'Illuminate', [
            'replace' => $parts,
            'provide' => ['psr/log' => '*'], // Debian's autoload.php brings it
        ]),
        $present('guzzlehttp/guzzle', '7.0.0', 'GuzzleHttp'),
    ],
    'require' => ['laravel/framework' => $version, 'guzzlehttp/guzzle' => '^7.0'],
    'autoload' => ['psr-4' => ['App\\' => 'app/']],
    'scripts' => ['post-autoload-dump' => ['@php artisan package:discover --ansi']],
], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);

file_put_contents("$app/composer.json", "$json\n");
echo "Laravel $version from $debian\n";
