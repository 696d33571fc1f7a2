'use strict';

// The page of the demo: plain laravel-echo, no build step. `io` and `Echo` come from the two npm packages.
const boot = JSON.parse(document.getElementById('boot').textContent);
const el = (id) => document.getElementById(id);
const csrf = document.querySelector('meta[name=csrf-token]').content;

const echo = new Echo.default({ broadcaster: 'socket.io', client: io, host: location.origin, csrfToken: csrf });
const socket = echo.connector.socket;

// ---- the connection, for people ------------------------------------------------------------------------------------------

function showState(state, text) {
  el('state').dataset.state = state;
  el('state').lastElementChild.textContent = text;
}

function showTransport() {
  showState('connected', `connected by ${socket.io.engine.transport.name}`);
}

socket.on('connect', () => {
  showTransport();
  socket.io.engine.on('upgrade', showTransport);
});
socket.on('disconnect', () => showState('lost', 'connection lost, trying again…'));
socket.on('connect_error', () => showState('lost', 'no connection, trying again…'));
socket.on('subscription_error', (channel, status) => {
  el('problem').textContent = `Laravel said no to ${channel} (status ${status}).`;
});

// ---- what arrives --------------------------------------------------------------------------------------------------------

const pressed = new Map(); // id of a press of ours -> when
let arrived = 0;

function node(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function addToFeed(row) {
  el('empty').hidden = true;
  el('feed').prepend(row);
  while (el('feed').childElementCount > 100) el('feed').lastElementChild.remove();
}

function showEvent(channel, event) {
  return (data) => {
    const row = node('li', 'event');
    row.dataset.road = data.road;
    row.dataset.channel = channel;
    row.dataset.press = data.press;

    const head = node('div', 'line');
    head.append(node('span', 'badge', boot.roads[data.road] ?? data.road), node('code', '', event), node('span', 'on', channel));
    const text = node('p', 'text');
    text.append(node('b', '', data.from), ` ${data.text}`);
    const facts = node('p', 'facts');
    const since = pressed.get(data.press);
    if (since !== undefined) {
      const trip = node('span', 'trip', `${(performance.now() - since).toFixed(0)} ms`);
      trip.title = 'from the press of the button, through nginx, PHP and the sidecar, back to this page';
      facts.append(trip, ' button to page', node('span', 'php'));
    } else {
      facts.append(new Date().toLocaleTimeString());
    }
    row.append(head, text, facts);
    addToFeed(row);
    el('arrived').textContent = String(++arrived);
  };
}

echo.channel('news').listen('NewsPublished', showEvent('news', 'NewsPublished'));
echo.private(`people.${boot.me}`).listen('LetterArrived', showEvent(`private-people.${boot.me}`, 'LetterArrived'));

// ---- who is here ---------------------------------------------------------------------------------------------------------

const here = new Map();

function showHere() {
  el('count').textContent = String(here.size);
  el('here').replaceChildren(...[...here].map(([id, name]) => {
    const item = node('li');
    item.dataset.who = id;
    const face = node('span', 'face', name[0]);
    face.dataset.who = id;
    face.ariaHidden = 'true';
    item.append(face, id === boot.me ? `${name} (you)` : name);
    return item;
  }));
}

// Echo hands over `user_info` alone, so the demo finds the id by the name.
const idOf = (member) => Object.keys(boot.people).find((id) => boot.people[id] === member.name) ?? member.name;

const room = echo.join('room')
  .here((members) => {
    here.clear();
    for (const member of members) here.set(idOf(member), member.name);
    showHere();
  })
  .joining((member) => {
    here.set(idOf(member), member.name);
    showHere();
    addToFeed(node('li', 'note', `${member.name} came in`));
  })
  .leaving((member) => {
    here.delete(idOf(member));
    showHere();
    addToFeed(node('li', 'note', `${member.name} left`));
  })
  .listen('RoomMessage', showEvent('presence-room', 'RoomMessage'));

// ---- the whisper: browser to browsers, Laravel never hears of it ---------------------------------------------------------

let typingUntil;
room.listenForWhisper('typing', ({ name }) => {
  el('typing').textContent = `${name} is typing…`;
  clearTimeout(typingUntil);
  typingUntil = setTimeout(() => { el('typing').textContent = ''; }, 2500);
});

let whispered = 0;
el('text').addEventListener('input', () => {
  if (performance.now() - whispered < 800) return;
  whispered = performance.now();
  room.whisper('typing', { name: boot.people[boot.me] });
});

// ---- the buttons ---------------------------------------------------------------------------------------------------------

el('composer').addEventListener('submit', async (submit) => {
  submit.preventDefault();
  el('problem').textContent = '';
  const road = submit.submitter?.value ?? document.querySelector('[name=road]:enabled')?.value;
  const form = new FormData(el('composer'));
  const press = crypto.randomUUID?.() ?? String(Math.random());
  pressed.set(press, performance.now());

  try {
    const answer = await fetch('/broadcast', {
      method: 'POST',
      headers: {
        'Accept': 'application/json',
        'Content-Type': 'application/json',
        'X-CSRF-TOKEN': csrf,
        'X-Socket-ID': echo.socketId() ?? '',
      },
      body: JSON.stringify({
        road, press, target: form.get('target'), text: form.get('text'), others: form.has('others'),
      }),
    });
    const { microseconds, message } = await answer.json();
    if (!answer.ok) throw new Error(message ?? `status ${answer.status}`);
    showPhpTime(press, microseconds);
  } catch (problem) {
    el('problem').textContent = `Not broadcast: ${problem.message}`;
  }
});

function showPhpTime(press, microseconds) {
  const row = document.querySelector(`.event[data-press="${press}"] .php`);
  if (row) row.textContent = ` · ${(microseconds / 1000).toFixed(1)} ms in broadcast()`;
}
