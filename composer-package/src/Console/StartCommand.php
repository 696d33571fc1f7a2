<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use Rustecho\InvalidOption;
use Rustecho\Laravel\BroadcastConnection;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Sidecar\LaravelRedis;
use Rustecho\Laravel\Sidecar\Program;
use Rustecho\Laravel\Sidecar\Unreachable;

/** Becomes the sidecar: signals and exit status are the sidecar's own, as supervisord wants it. */
final class StartCommand extends Command
{
    private const JSON = JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

    protected $signature = 'rustecho:start
        {--config= : the sidecar\'s configuration; without it rustecho.json in the application\'s folder, else a fitting one}
        {--binary= : the sidecar\'s program; without it rustecho.sidecar.binary}
        {--port= : the port where there is no configuration file, and RUSTECHO_PORT does not say it}
        {--force : stop the sidecar that already runs with this configuration, and take its place}
        {--dev : print every event, subscription and auth request}';

    protected $description = 'Run the rustecho sidecar in the foreground';

    public function handle(): int
    {
        try {
            $name = $this->option('binary') ?: $this->laravel['config']->get('rustecho.sidecar.binary') ?: 'rustecho';
            $binary = Program::find($name);
            $folder = $this->laravel->basePath();
            $file = ConfigFile::find($folder, $this->option('config')) ?? ConfigFile::find($folder, $this->generated());
        } catch (InvalidOption | Unreachable $wrong) {
            $this->error($wrong->getMessage());

            return self::FAILURE;
        }
        $config = $file->path;
        $asked = $this->option('port');
        if ($asked !== null && filter_var($asked, FILTER_VALIDATE_INT) !== $file->port()) {
            $by = $file->get('port') === null ? "since $config does not name one" : "by {$file->place('port')}";
            $this->warn("--port=$asked has no effect: the port is {$file->port()}, $by.");
        }
        $this->line("$binary start --config=$config");
        $flags = array_filter(['--dev' => $this->option('dev'), '--force' => $this->option('force')]);
        $arguments = ['start', "--config=$config", ...array_keys($flags)];
        chdir($this->laravel->basePath());
        if (function_exists('pcntl_exec')) {
            @pcntl_exec($binary, $arguments); // does not come back, unless it fails
            $this->error("$binary cannot be run: " . pcntl_strerror(pcntl_get_last_error()) . '.');

            return self::FAILURE;
        }
        $process = proc_open([$binary, ...$arguments], [STDIN, STDOUT, STDERR], $pipes);

        return is_resource($process) ? proc_close($process) : self::FAILURE;
    }

    /** Says the same about socket, site and Redis as this application does. An own rustecho.json takes its place. */
    private function generated(): string
    {
        $config = $this->laravel['config'];
        $settings = BroadcastConnection::of($config)->settings();
        $redis = $settings->onFailure === 'redis'
            ? (new LaravelRedis((array) $config->get('database.redis'), $settings->redis))->forSidecar()
            : null;
        $path = $this->laravel->storagePath() . '/framework/rustecho.json';
        $text = json_encode([
            'host' => '127.0.0.1',
            'port' => $this->port(),
            'authHost' => rtrim((string) $config->get('app.url'), '/'),
            'unixSocket' => ['path' => $settings->socketPath()],
            'subscribers' => ['http' => false, 'redis' => $redis !== null],
        ] + ($redis === null ? [] : ['databaseConfig' => ['redis' => $redis]]), self::JSON) . "\n";
        $new = "$path." . bin2hex(random_bytes(8)); // another start may write at the same time
        // Redis' password is for nobody else.
        $mask = isset($redis['password']) ? umask(0077) : umask();
        $written = @file_put_contents($new, $text) !== false && @rename($new, $path);
        umask($mask);
        if (! $written) {
            @unlink($new);

            throw new InvalidOption("$path cannot be written. Make the folder writable, or name a configuration: --config=…");
        }

        return $path;
    }

    private function port(): int
    {
        $environment = ConfigFile::none($this->laravel->basePath());
        if ($environment->get('port') !== null) {
            return $environment->port(); // wins over what is written
        }
        $given = $this->option('port') ?? 6001;
        $port = filter_var($given, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1, 'max_range' => 65_535]]);

        return is_int($port) ? $port : throw new InvalidOption("--port is \"$given\", but has to be a number from 1 to 65535.");
    }
}
