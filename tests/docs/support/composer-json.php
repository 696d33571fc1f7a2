<?php

declare(strict_types=1);

// composer-json.php   prints the composer.json of an application that has no network and has not heard of rustecho: Packagist is
// off, and Debian's /usr/share/php/Illuminate stands in for laravel/framework.

require '/usr/share/php/Illuminate/autoload.php';

$framework = '/usr/share/php/Illuminate';
$version = Illuminate\Foundation\Application::VERSION;
$replaced = [];
foreach (glob("$framework/*", GLOB_ONLYDIR) ?: [] as $folder) {
    $name = strtolower((string) preg_replace('/(?<!^)[A-Z]/', '-$0', basename($folder)));
    if ($name !== 'foundation') {
        $replaced["illuminate/$name"] = 'self.version';
    }
}

echo json_encode([
    'name' => 'reader/your-site',
    'type' => 'project',
    'license' => 'MIT',
    'repositories' => [
        ['packagist.org' => false],
        ['type' => 'package', 'package' => [
            'name' => 'laravel/framework',
            'version' => $version,
            'replace' => $replaced,
            'provide' => ['psr/log' => '1.1.4'],
            'dist' => ['type' => 'path', 'url' => $framework, 'reference' => $version],
            'transport-options' => ['symlink' => true],
            'autoload' => ['files' => ['autoload.php'], 'psr-4' => ['Illuminate\\' => '']],
        ]],
    ],
    'require' => ['laravel/framework' => '^' . strtok($version, '.') . '.0'],
    'autoload' => ['psr-4' => ['App\\' => 'app/']],
    'scripts' => ['post-autoload-dump' => [
        'Illuminate\\Foundation\\ComposerScripts::postAutoloadDump',
        '@php artisan package:discover --ansi',
    ]],
    'minimum-stability' => 'stable',
], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR), "\n";
