// Two transcripts: which steps differ, and how.

/** Canonical text: object keys sorted, since their order means nothing. */
export function canonical(value) {
  const sorted = (inner) => {
    if (Array.isArray(inner)) return inner.map(sorted);
    if (inner === null || typeof inner !== 'object') return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
  };
  return JSON.stringify(sorted(value), null, 1) ?? 'nothing';
}

/** The steps that differ, as `Map(step → text of the difference)`. */
export function differences(old, now) {
  const steps = new Set([...old.keys(), ...now.keys()]);
  const differ = [...steps].filter((step) => canonical(old.get(step)) !== canonical(now.get(step)));
  return new Map(differ.map((step) => [step, shown(step, old, now)]));
}

const side = (sign, text) => text.split('\n').map((line) => `    ${sign} ${line}`).join('\n');

function shown(step, old, now) {
  const [before, after] = [old, now].map((all) => (all.has(step) ? canonical(all.get(step)) : '(no such step)').split('\n'));
  let head = 0;
  while (head < before.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const cut = (lines) => lines.slice(Math.max(0, head - 2), lines.length - Math.max(0, tail - 1)).slice(0, 60).join('\n');
  return `  step "${step}" (- laravel-echo-server, + rustecho)\n${side('-', cut(before))}\n${side('+', cut(after))}`;
}
