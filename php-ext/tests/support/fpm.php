<?php

/** A php-fpm of one's own, and the little of FastCGI that it takes to ask it something. */

declare(strict_types=1);

final class Fpm
{
    private $process;
    private readonly string $socket;

    /** Starts a pool of one worker with these ini settings; without privileges where the test runs as root. */
    public function __construct(private readonly string $dir, array $ini)
    {
        $program = getenv('PHP_FPM') ?: self::find() ?? skip('no php-fpm: install php-fpm, or set PHP_FPM');
        $this->socket = "$dir/fpm.sock";
        $root = current_uid() === 0;
        file_put_contents("$dir/fpm.conf", implode("\n", [
            '[global]', "error_log = $dir/fpm.log", 'daemonize = no', '[test]', "listen = $this->socket",
            ...($root ? ['user = www-data', 'group = www-data', 'listen.mode = 0666'] : []),
            'pm = static', 'pm.max_children = 1', 'catch_workers_output = yes',
            ...array_map(static fn ($key, $value) => "php_value[$key] = \"$value\"", array_keys($ini), $ini), '',
        ]));
        $command = [$program, '-n', '-d', 'extension=' . getenv('RUSTECHO_EXTENSION'), '-y', "$dir/fpm.conf", '-F'];
        $quiet = ['file', "$dir/fpm.err", 'a'];
        $this->process = proc_open($command, [1 => $quiet, 2 => $quiet], $pipes);
        $owner = getmypid();
        register_shutdown_function(fn () => getmypid() === $owner && $this->stop());
        until(fn () => @stream_socket_client("unix://$this->socket") !== false, 'the start of php-fpm');
    }

    /** Runs a script in the worker and returns what it gives as JSON. */
    public function run(string $code): array
    {
        $script = $this->dir . '/request-' . md5($code) . '.php';
        file_put_contents($script, "<?php\ndeclare(strict_types=1);\n$code");
        $output = $this->request($script);
        [, $body] = explode("\r\n\r\n", $output, 2) + [1 => ''];
        return json_decode($body, true) ?? throw new RuntimeException("php-fpm answered: $output" . $this->log());
    }

    public function stop(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, 15);
            proc_close($this->process);
            $this->process = null;
        }
    }

    private function request(string $script): string
    {
        $stream = stream_socket_client("unix://$this->socket");
        stream_set_timeout($stream, (int) PATIENCE);
        $parameters = '';
        foreach (['SCRIPT_FILENAME' => $script, 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'] as $name => $value) {
            $parameters .= pack('CN', strlen($name), strlen($value) | 0x80000000) . $name . $value;
        }
        $record = static fn (int $type, string $body) => pack('CCnnCC', 1, $type, 1, strlen($body), 0, 0) . $body;
        fwrite($stream, $record(1, pack('nCx5', 1, 0)) . $record(4, $parameters) . $record(4, '') . $record(5, ''));
        for ($output = ''; strlen($header = (string) stream_get_contents($stream, 8)) === 8;) {
            ['type' => $type, 'len' => $len, 'pad' => $pad] = unpack('Cversion/Ctype/nid/nlen/Cpad', $header);
            $body = $len + $pad > 0 ? (string) stream_get_contents($stream, $len + $pad) : '';
            if ($type === 3) {
                break;
            }
            $output .= substr($body, 0, $len);
        }
        return $output;
    }

    private function log(): string
    {
        return "\n" . implode('', array_map('file_get_contents', array_filter(["$this->dir/fpm.log", "$this->dir/fpm.err"], 'is_file')));
    }

    private static function find(): ?string
    {
        $names = ['php-fpm' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION, 'php-fpm'];
        foreach ([...explode(':', (string) getenv('PATH')), '/usr/sbin', '/usr/local/sbin'] as $dir) {
            foreach ($names as $name) {
                if (is_executable("$dir/$name")) {
                    return "$dir/$name";
                }
            }
        }
        return null;
    }
}

/** The user this test runs as, without the posix module. */
function current_uid(): ?int
{
    return is_dir('/proc/self') ? fileowner('/proc/self') : null;
}
