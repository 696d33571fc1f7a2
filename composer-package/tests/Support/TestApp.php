<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use Illuminate\Contracts\Console\Kernel as ConsoleKernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Filesystem\Filesystem;
use Illuminate\Foundation\Application;
use Rustecho\Laravel\RustechoServiceProvider;

/** A real Laravel application in a folder of its own, with the session, the CSRF check and encrypted cookies. */
final class TestApp
{
    private const FRAMEWORK_PROVIDERS = [
        \Illuminate\Auth\AuthServiceProvider::class,
        \Illuminate\Broadcasting\BroadcastServiceProvider::class,
        \Illuminate\Bus\BusServiceProvider::class,
        \Illuminate\Cache\CacheServiceProvider::class,
        \Illuminate\Cookie\CookieServiceProvider::class,
        \Illuminate\Database\DatabaseServiceProvider::class,
        \Illuminate\Encryption\EncryptionServiceProvider::class,
        \Illuminate\Filesystem\FilesystemServiceProvider::class,
        \Illuminate\Foundation\Providers\ArtisanServiceProvider::class,
        \Illuminate\Foundation\Providers\ComposerServiceProvider::class,
        \Illuminate\Foundation\Providers\FoundationServiceProvider::class,
        \Illuminate\Queue\QueueServiceProvider::class,
        \Illuminate\Session\SessionServiceProvider::class,
        \Illuminate\View\ViewServiceProvider::class,
    ];

    public readonly string $folder;

    /** @param string|null $folder that of another instance; null makes one */
    public function __construct(?string $folder = null)
    {
        if ($folder !== null) {
            $this->folder = $folder;

            return;
        }
        $this->folder = sys_get_temp_dir() . '/rustecho-app-' . getmypid() . '-' . bin2hex(random_bytes(4));
        foreach (['app', 'bootstrap/cache', 'config', 'routes', 'storage/logs', 'storage/framework/sessions'] as $folder) {
            mkdir("$this->folder/$folder", 0777, true);
        }
        $this->configure('logging', ['default' => 'single', 'channels' => [
            'single' => ['driver' => 'single', 'path' => "$this->folder/storage/logs/laravel.log"],
        ]]);
        $this->configure('session', [
            'driver' => 'file', 'files' => "$this->folder/storage/framework/sessions", 'cookie' => 'visitor', 'lottery' => [0, 1],
            'lifetime' => 10, 'expire_on_close' => false, 'encrypt' => false, 'path' => '/', 'domain' => null,
            'secure' => false, 'http_only' => true, 'same_site' => 'lax',
        ]);
        $this->configure('broadcasting', ['default' => 'rustecho', 'connections' => ['log' => ['driver' => 'log']]]);
        $this->configure('auth', [
            'defaults' => ['guard' => 'web'],
            'guards' => ['web' => ['driver' => 'visitor'], 'api' => ['driver' => 'token-header']],
        ]);
        $this->configure('database', ['default' => 'none', 'connections' => [], 'migrations' => 'migrations']);
        $this->configure('view', ['paths' => [], 'compiled' => "$this->folder/storage/framework"]);
        $this->configure('cache', ['default' => 'array', 'stores' => ['array' => ['driver' => 'array']]]);
        $this->configure('queue', ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]]);
    }

    /** @param array<string, mixed> $values becomes config/NAME.php */
    public function configure(string $name, array $values): void
    {
        $this->write("config/$name.php", '<?php return ' . var_export($values, true) . ';');
    }

    public function write(string $file, string $text): void
    {
        file_put_contents("$this->folder/$file", $text);
    }

    /**
     * Boots a new application on the folder, as one request or command does.
     *
     * @param list<class-string> $providers of the application itself
     */
    public function boot(array $providers = [TestProvider::class]): Application
    {
        $all = [...self::FRAMEWORK_PROVIDERS, RustechoServiceProvider::class, ...$providers];
        $this->configure('app', [
            'env' => 'testing', 'debug' => true, 'key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC',
            'url' => 'http://localhost', 'timezone' => 'UTC', 'locale' => 'en', 'providers' => $all, 'aliases' => [],
        ]);
        $app = new Application($this->folder);
        $app->singleton(HttpKernel::class, TestHttpKernel::class);
        $app->singleton(ConsoleKernel::class, \Illuminate\Foundation\Console\Kernel::class);
        $app->singleton(ExceptionHandler::class, \Illuminate\Foundation\Exceptions\Handler::class);
        $app->make(ConsoleKernel::class)->bootstrap();
        // Laravel has put its own in place of the test runner's.
        restore_error_handler();
        restore_exception_handler();

        return $app;
    }

    /** What commands that boot a fresh application, such as config:cache, load. */
    public function writeBootstrap(): void
    {
        $this->write('bootstrap/app.php', '<?php return (new ' . self::class . "('$this->folder'))->boot();");
    }

    public function log(): string
    {
        return (string) @file_get_contents("$this->folder/storage/logs/laravel.log");
    }

    public function remove(): void
    {
        (new Filesystem())->deleteDirectory($this->folder);
    }
}
