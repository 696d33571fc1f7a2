<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use Rustecho\InvalidOption;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Sidecar\Program;
use Rustecho\Laravel\Sidecar\Unreachable;
use Symfony\Component\Process\Process;

/** Stops the sidecar; whoever keeps it running (supervisor, systemd) starts it again, with the release and settings of now. */
final class RestartCommand extends Command
{
    private const SECONDS = 30;

    protected $signature = 'rustecho:restart
        {--config= : the sidecar\'s configuration; without it that of rustecho:start}
        {--binary= : the sidecar\'s program; without it rustecho.sidecar.binary}';

    protected $description = 'Stop the rustecho sidecar, so that its supervisor starts it again';

    public function handle(): int
    {
        try {
            $name = $this->option('binary') ?: $this->laravel['config']->get('rustecho.sidecar.binary') ?: 'rustecho';
            $program = Program::find($name);
            $config = ConfigFile::find($this->laravel->basePath(), $this->option('config'))?->path
                ?? $this->laravel->storagePath() . '/framework/rustecho.json';
        } catch (InvalidOption | Unreachable $wrong) {
            $this->error($wrong->getMessage());

            return self::FAILURE;
        }
        $process = new Process([$program, 'stop', "--config=$config"], $this->laravel->basePath(), null, null, self::SECONDS);
        $process->run();
        $said = trim($process->getOutput() . $process->getErrorOutput());
        if (str_contains($said, 'Could not find any lock file')) {
            $this->line("No sidecar runs with $config: there is nothing to restart.");

            return self::SUCCESS;
        }
        $this->line($said);

        return $process->isSuccessful() ? self::SUCCESS : self::FAILURE;
    }
}
