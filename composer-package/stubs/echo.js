import Echo from 'laravel-echo';
import { io } from 'socket.io-client';

window.Echo = new Echo({ broadcaster: 'socket.io', client: io, host: window.location.origin });

// Echo's .error() does nothing with Socket.IO; this is where a refusal is heard.
window.Echo.connector.socket.on('subscription_error', (channel, status) => console.warn(channel, status));
