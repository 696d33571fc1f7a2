// Numbers that look random and are the same for the same seed: what a run did can be done again.

/** A generator for a seed and a name; two names have nothing in common. */
export class Random {
  constructor(seed, name = '') {
    // FNV-1a over both, so that neighbouring seeds do not begin alike
    this.state = 0x811c9dc5;
    for (const byte of Buffer.from(`${seed}/${name}`)) this.state = Math.imul(this.state ^ byte, 0x01000193) >>> 0;
  }

  /** From 0 to less than 1 (mulberry32). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let word = this.state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least, most) {
    return least + this.next() * (most - least);
  }

  /** A whole number below `count`. */
  below(count) {
    return Math.floor(this.next() * count);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  chance(share) {
    return this.next() < share;
  }

  bytes(count) {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}
