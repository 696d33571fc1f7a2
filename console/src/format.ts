// Numbers, times and JSON for people.

import { h } from './dom';

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number): string => (value < 100_000 ? whole.format(value) : compact.format(value));

/** `1 socket`, `2 sockets`. */
export const several = (value: number, word: string): string => `${count(value)} ${word}${value === 1 ? '' : 's'}`;

export function micros(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} ms`;
  return `${(value / 1_000_000).toFixed(1)} s`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

export function ago(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** Microseconds since 1970 as local time of day with milliseconds. */
export function clock(at: number): string {
  const date = new Date(at / 1000);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** JSON, indented and coloured; what is no JSON (its end may be cut off) as it is. */
export function json(text: string): HTMLElement {
  const block = h('pre', { tabindex: '0' });
  let pretty = text;
  try {
    pretty = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    block.append(text);
    return block;
  }
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let from = 0;
  for (const match of pretty.matchAll(token)) {
    block.append(pretty.slice(from, match.index));
    const kind = match[1] === undefined ? 'n' : match[2] === undefined ? 's' : 'k';
    block.append(h('span', { class: kind }, match[1] ?? match[0]), match[2] ?? '');
    from = match.index + match[0].length;
  }
  block.append(pretty.slice(from));
  return block;
}
