import Echo from 'laravel-echo';
import { io } from 'socket.io-client';

// host is where pages find the sidecar: the site itself, as behind nginx. Beside `php artisan serve` it is 'http://127.0.0.1:6001'.
window.Echo = new Echo({ broadcaster: 'socket.io', client: io, host: window.location.origin });

// Echo's .error() does nothing with Socket.IO; this is where a refusal is heard.
window.Echo.connector.socket.on('subscription_error', (channel, status) => console.warn(channel, status));
