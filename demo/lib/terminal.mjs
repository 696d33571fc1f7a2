// What the person at the terminal sees.

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : String(text));

export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const red = paint('31');

const begun = performance.now();

/** A heading with the time since the start. */
export function step(text) {
  const seconds = ((performance.now() - begun) / 1000).toFixed(0).padStart(3);
  console.log(`${dim(`${seconds} s`)}  ${bold(text)}`);
}

/** A frame around a few lines of plain text. */
export function box(lines) {
  const width = Math.max(...lines.map((line) => line.length));
  const rule = '─'.repeat(width + 4);
  console.log(`\n  ┌${rule}┐`);
  for (const line of lines) console.log(`  │  ${line.padEnd(width)}  │`);
  console.log(`  └${rule}┘\n`);
}
