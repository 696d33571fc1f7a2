<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use Illuminate\Contracts\Foundation\CachesConfiguration;
use Illuminate\Filesystem\Filesystem;

/** Sets an application up for rustecho. To be run as often as one likes: what is there already is left alone. */
final class InstallCommand extends Command
{
    private const STUBS = __DIR__ . '/../../stubs';
    /** Laravel 8 to 10 read the first, 11 and newer the second; an application that is upgraded needs both. */
    private const KEYS = ['BROADCAST_DRIVER', 'BROADCAST_CONNECTION'];
    /** What a fresh application has: nobody chose it. */
    private const UNCHOSEN = ['', 'log', 'null', 'rustecho'];

    protected $signature = 'rustecho:install
        {--force : replace the published configuration, and another broadcaster that is set in .env}
        {--supervisor= : write a supervisor program to this file}';

    protected $description = 'Set the application up for rustecho: configuration, .env, supervisor file, Echo snippet';

    public function handle(Filesystem $files): int
    {
        $force = (bool) $this->option('force');
        $this->callSilent('vendor:publish', ['--tag' => 'rustecho-config'] + ($force ? ['--force' => true] : []));
        $this->line('config/rustecho.php is in place.');
        $this->channels($files);
        $switched = $this->environment($force);
        $written = $this->supervisor($files);
        if ($this->laravel instanceof CachesConfiguration && $this->laravel->configurationIsCached()) {
            $this->warn('The configuration is cached: run php artisan config:cache now.');
        }
        $this->line(PHP_EOL . 'In the page (npm install laravel-echo socket.io-client):' . PHP_EOL);
        $this->line($files->get(self::STUBS . '/echo.js'));
        $this->line('Then: php artisan rustecho:start, unless the sidecar runs as a service.');
        $this->line('php artisan rustecho:doctor looks whether all is well.');

        return $switched && $written ? self::SUCCESS : self::FAILURE;
    }

    private function channels(Filesystem $files): void
    {
        $path = $this->laravel->basePath('routes/channels.php');
        if (! $files->exists($path)) {
            $files->ensureDirectoryExists(dirname($path));
            $files->copy(self::STUBS . '/channels.php', $path);
            $this->line('routes/channels.php is made: it says who may have which private channel.');
        }
    }

    /** @return bool whether .env says rustecho now */
    private function environment(bool $force): bool
    {
        $path = $this->laravel->environmentFilePath();
        $env = EnvFile::at($path);
        if ($env === null) {
            $this->warn("There is no file $path: set " . implode('=rustecho and ', self::KEYS) . '=rustecho in the environment.');

            return true;
        }
        $others = array_filter(
            array_combine(self::KEYS, array_map($env->get(...), self::KEYS)),
            static fn (?string $value): bool => ! in_array((string) $value, self::UNCHOSEN, true),
        );
        foreach ($others as $key => $value) {
            if (! $force && ! $this->confirm("$key is \"$value\" in .env. Replace it by rustecho?", false)) {
                $this->error("$key stays \"$value\": events do not go to rustecho. --force replaces it.");

                return false;
            }
        }
        array_map(static fn (string $key) => $env->set($key, 'rustecho'), self::KEYS);
        if (! $env->save()) {
            $this->error("$path cannot be written: set " . implode('=rustecho and ', self::KEYS) . '=rustecho in it by hand.');

            return false;
        }
        $this->line('.env has ' . implode('=rustecho and ', self::KEYS) . '=rustecho.');

        return true;
    }

    private function supervisor(Filesystem $files): bool
    {
        $path = $this->option('supervisor');
        $asks = $path === null && $this->input->isInteractive();
        if ($asks && $this->confirm('Write a supervisor program for the sidecar?', false)) {
            $path = $this->laravel->basePath('rustecho.supervisor.conf');
        }
        if ($path === null) {
            return true;
        }
        if ($files->exists($path) && ! $this->option('force')) {
            $this->line("$path is there already; --force replaces it.");

            return true;
        }
        $text = strtr($files->get(self::STUBS . '/supervisor.conf'), [
            '{php}' => PHP_BINARY, '{folder}' => $this->laravel->basePath(), '{file}' => basename($path),
        ]);
        if (@file_put_contents($path, $text) === false) {
            $this->error("$path cannot be written.");

            return false;
        }
        $this->line("$path is written. Copy it to /etc/supervisor/conf.d/, then: supervisorctl reread && supervisorctl update");

        return true;
    }
}
