<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Console;

use Illuminate\Console\Command;
use InvalidArgumentException;
use Rustecho\InvalidOption;
use Rustecho\Laravel\BroadcastConnection;
use Rustecho\Laravel\Doctor\Check;
use Rustecho\Laravel\Doctor\Checks;
use Rustecho\Laravel\Doctor\Finding;
use Rustecho\Laravel\Doctor\Visit;
use Rustecho\Laravel\Doctor\WebUser;
use Rustecho\Laravel\Sidecar\ConfigFile;
use Rustecho\Laravel\Sidecar\Http;
use Rustecho\Laravel\Sidecar\Unreachable;

/** Looks at everything between an event and a page, says what is broken, and what to do about it. */
final class DoctorCommand extends Command
{
    protected $signature = 'rustecho:doctor
        {--connection= : the connection in config/broadcasting.php; without it the one that events take}
        {--sidecar= : where the sidecar answers on this machine, such as http://127.0.0.1:6001}
        {--url= : where pages reach the sidecar; without it APP_URL, less its path}
        {--config= : the sidecar\'s configuration file; without it rustecho.json in the application\'s folder}
        {--user= : who runs PHP for the web; without it you, or, when you are root, who it says it is}
        {--header=* : a header of the visitor as whom channels are asked for, such as "Cookie: laravel_session=…"}
        {--granted= : a channel that this visitor may have; without it one of the doctor\'s own}
        {--denied= : a channel that this visitor may not have}
        {--patience=12 : how many seconds to wait for each answer of the sidecar}';

    protected $description = 'Find out why events do not arrive: extension, socket, sidecar, channels, cookies, web server';

    public function handle(): int
    {
        $problems = 0;
        foreach ($this->findings() as $finding) {
            $problems += (int) $finding->isProblem();
            $this->show($finding);
        }
        $this->line($problems === 0 ? 'Everything that was looked at is in order.'
            : "Problems: $problems. Begin with the first: others often follow from it."
                . PHP_EOL . 'The words in brackets are headings of docs/troubleshooting.md, which says more.');

        return $problems === 0 ? self::SUCCESS : self::FAILURE;
    }

    /** @return iterable<Finding> */
    private function findings(): iterable
    {
        try {
            $visit = $this->visit();
            $visit->user ??= WebUser::of($visit, (float) $this->option('patience'));
        } catch (InvalidOption | InvalidArgumentException | Unreachable $wrong) {
            yield Finding::problem('setting-wrong', ['reason' => rtrim($wrong->getMessage(), '.')]);

            return;
        }
        foreach ($this->checks() as $check) {
            yield from $check->run($visit);
        }
    }

    /** @return list<Check> in the order of an event's road */
    private function checks(): array
    {
        return [
            new Checks\DriverCheck(), Checks\ExtensionCheck::ofThisPhp(), new Checks\SocketCheck(), new Checks\SidecarCheck(),
            new Checks\SpoolCheck(), new Checks\RedisPrefixCheck(),
            new Checks\ChannelCheck((float) $this->option('patience')), new Checks\CookieCheck(), new Checks\UpgradeCheck(),
        ];
    }

    private function visit(): Visit
    {
        $config = $this->laravel['config'];
        $connection = BroadcastConnection::of($config, $this->option('connection'));
        $folder = $this->laravel->basePath();
        $file = ConfigFile::find($folder, $this->option('config')) ?? $this->elsewhere();

        return new Visit(
            $this->laravel,
            $connection->name,
            $connection->settings(),
            $file,
            $this->option('sidecar') ?: $config->get('rustecho.sidecar.url') ?: ($file ?? ConfigFile::none($folder))->url(),
            $this->option('url') ?? Http::origin((string) $config->get('app.url')),
            $this->headers(),
            $this->option('granted'),
            $this->option('denied'),
            $this->option('user'),
        );
    }

    /** What `rustecho:start` made and a sidecar runs with, or else the machine's, where this user may read it. */
    private function elsewhere(): ?ConfigFile
    {
        $generated = $this->laravel->storagePath() . '/framework/rustecho';
        $path = is_file("$generated.lock") ? "$generated.json" : ConfigFile::SYSTEM;

        return is_readable($path) ? ConfigFile::find($this->laravel->basePath(), $path) : null;
    }

    /** @return array<string, string> */
    private function headers(): array
    {
        $headers = [];
        foreach ((array) $this->option('header') as $line) {
            if (! str_contains($line, ':') || preg_match('/[\r\n]/', $line) === 1) {
                throw new InvalidArgumentException("--header=\"$line\" is not of the form \"Name: value\"");
            }
            [$name, $value] = explode(':', $line, 2);
            $headers[trim($name)] = trim($value);
        }

        return $headers;
    }

    private function show(Finding $finding): void
    {
        $style = [Finding::GOOD => 'info', Finding::NOTE => 'comment', Finding::PROBLEM => 'error'][$finding->level];
        $id = $finding->id === '' ? '' : " [$finding->id]";
        $this->line("<$style>" . str_pad($finding->level, 7) . "</$style> $finding->text$id");
        if ($finding->advice !== '') {
            $this->line("        -> $finding->advice");
        }
    }
}
