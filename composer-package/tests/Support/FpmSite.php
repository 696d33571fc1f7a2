<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

use RuntimeException;

/** The application in a php-fpm behind nginx, as on most servers. */
final class FpmSite
{
    private const MAJOR_MINOR = PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION;

    private readonly Running $fpm;
    private readonly Nginx $nginx;

    /**
     * @param array<string, string> $env of the application
     * @param list<string> $options of php-fpm
     */
    public function __construct(RealApp $app, array $env, int $port, array $options = [])
    {
        $folder = Scratch::path('fpm');
        mkdir($folder, 0755);
        $user = posix_getpwuid(posix_geteuid())['name'] ?? throw new RuntimeException('this user has no name');
        file_put_contents("$folder/fpm.conf", <<<FPM
            [global]
            error_log = $folder/fpm.log
            daemonize = no
            [site]
            user = $user
            listen = $folder/fpm.sock
            listen.mode = 0666
            clear_env = no
            pm = static
            pm.max_children = 2
            FPM);
        // -R: the application's files are those of whoever runs the tests, who may be root.
        $command = [self::program(), ...$options, '-y', "$folder/fpm.conf", '-F', '-R'];
        $this->fpm = $app->start($command, $env + ['APP_URL' => "http://127.0.0.1:$port"]);
        $script = realpath("$app->folder/public/index.php");
        $this->nginx = new Nginx($port, <<<NGINX
            location / {
                include /etc/nginx/fastcgi_params;
                fastcgi_param SCRIPT_FILENAME $script;
                fastcgi_pass unix:$folder/fpm.sock;
            }
            NGINX);
        Wait::until(static fn (): bool => @stream_socket_client("unix://$folder/fpm.sock") !== false, 'php-fpm listens');
    }

    public function stop(): void
    {
        $this->nginx->stop();
        $this->fpm->end();
    }

    private static function program(): string
    {
        foreach (['php-fpm' . self::MAJOR_MINOR, 'php-fpm'] as $name) {
            foreach ([...explode(':', (string) getenv('PATH')), '/usr/sbin'] as $folder) {
                if (is_executable("$folder/$name")) {
                    return "$folder/$name";
                }
            }
        }
        throw new RuntimeException('There is no php-fpm: install php-fpm.');
    }
}
