<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

/** A real nginx with one server, in a folder of its own. */
final class Nginx
{
    private readonly Running $process;

    /** @param string $rules what the server has beside its port */
    public function __construct(int $port, string $rules)
    {
        $folder = Scratch::path('nginx');
        mkdir($folder);
        file_put_contents("$folder/rules.conf", $rules);
        file_put_contents("$folder/nginx.conf", <<<NGINX
            daemon off;
            pid $folder/pid;
            error_log stderr;
            events {}
            http {
                access_log off;
                client_body_temp_path $folder/body;
                proxy_temp_path $folder/proxy;
                fastcgi_temp_path $folder/fastcgi;
                uwsgi_temp_path $folder/uwsgi;
                scgi_temp_path $folder/scgi;
                server {
                    listen 127.0.0.1:$port;
                    root $folder;
                    include $folder/rules.conf;
                }
            }
            NGINX);
        $this->process = new Running(['nginx', '-e', 'stderr', '-c', "$folder/nginx.conf"], $folder);
        Wait::until(static fn (): bool => @fsockopen('127.0.0.1', $port) !== false, 'nginx listens');
    }

    public function stop(): void
    {
        $this->process->end();
    }
}
