// Which faults happen when: made of the seed and the round's number alone.

import { Random } from './random.mjs';

/** Faults by kind: how likely it is beside the others, on what, for how long in milliseconds, and what else has to be chosen. */
export const KINDS = {
  'kill sidecar': { weight: 4, on: 'node', ms: [100, 6_000] },
  'restart sidecar': { weight: 3, on: 'node', ms: [0, 4_000] },
  'stop sidecar': { weight: 2, on: 'node', ms: [500, 9_000] },
  'kill Redis': { weight: 2, on: 'redis', ms: [100, 6_000] },
  'restart Redis': { weight: 1, on: 'redis', ms: [0, 2_000] },
  'stop Redis': { weight: 1, on: 'redis', ms: [500, 6_000] },
  'flush Redis': { weight: 2, on: 'redis', ms: [0, 0] },
  'kill php-fpm workers': { weight: 2, on: 'node', ms: [0, 0], choose: (random) => ({ share: random.between(0.2, 1) }) },
  'stop php-fpm worker': { weight: 1, on: 'node', ms: [200, 4_000] },
  'cut link to Redis': { weight: 3, on: 'node', ms: [500, 9_000] },
  'slow link to Redis': { weight: 1, on: 'node', ms: [2_000, 9_000] },
  'cut link to clients': { weight: 2, on: 'node', ms: [500, 9_000] },
  'slow link to clients': { weight: 1, on: 'node', ms: [2_000, 9_000] },
  'break connections': { weight: 3, on: 'node', ms: [0, 0], choose: (random) => ({ share: random.between(0.2, 1) }) },
  'fill the spool\'s disk': { weight: 2, on: 'node', ms: [1_000, 5_000] },
  'jump the clock': { weight: 2, on: 'node', ms: [0, 0], choose: (random) => ({ seconds: Math.round(random.between(-1_500, 1_500)), breaks: random.chance(0.5) }) },
  'reload the configuration': { weight: 2, on: 'node', ms: [0, 0], choose: (random) => ({ broken: random.chance(0.3), whispersPerSecond: 300 + random.below(300) }) },
  'pages come and go': { weight: 4, on: 'all', ms: [500, 4_000], choose: (random) => ({ share: random.between(0.2, 0.8), abrupt: random.chance(0.3) }) },
  'channels are left and joined': { weight: 2, on: 'all', ms: [500, 3_000], choose: (random) => ({ share: random.between(0.2, 0.6) }) },
};

const PER_ROUND = 5;

/**
 * The faults of one round, by time: `{at, kind, on, ms, …}`, `at` in milliseconds from the round's begin.
 * The first rounds have each kind once, in an order of the seed's, so that a short run has had them all as soon as it can.
 */
export function plan({ seed, round, nodes, windowMs, kinds = Object.keys(KINDS) }) {
  const random = new Random(seed, `round ${round}`);
  // shuffled by the seed alone: the same order in every round
  const order = new Random(seed, 'kinds');
  const all = kinds.map((kind) => [order.next(), kind]).sort(([a], [b]) => a - b).map(([, kind]) => kind);
  const once = all.slice((round - 1) * PER_ROUND, round * PER_ROUND);
  const count = Math.max(once.length, 2 + random.below(PER_ROUND - 1));
  const chosen = Array.from({ length: count }, (_, number) => once[number] ?? weighted(random, kinds));
  return chosen.map((kind) => {
    const { on, ms, choose } = KINDS[kind];
    return {
      at: Math.round(random.between(0, windowMs * 0.6)),
      kind,
      on: on === 'node' ? `node ${1 + random.below(nodes)}` : on,
      ms: Math.round(Math.min(random.between(...ms), windowMs)),
      ...choose?.(random),
    };
  }).sort((a, b) => a.at - b.at);
}

function weighted(random, kinds) {
  const total = kinds.reduce((sum, kind) => sum + KINDS[kind].weight, 0);
  let left = random.next() * total;
  return kinds.find((kind) => (left -= KINDS[kind].weight) < 0) ?? kinds[0];
}

/** A fault in words. */
export function said({ kind, on, ms, seconds, share, abrupt, breaks, broken }) {
  const more = [ms ? `for ${ms} ms` : '', seconds ? `by ${seconds} s` : '', share ? `${Math.round(share * 100)} %` : '', abrupt ? 'without a word' : '', breaks ? 'while connections are broken' : '', broken ? 'which is no JSON' : ''];
  return [kind, on === 'all' ? '' : `(${on})`, ...more].filter(Boolean).join(' ');
}
