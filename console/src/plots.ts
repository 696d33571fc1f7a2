// Two lines over the last ten minutes.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { byId } from './dom';
import { count } from './format';
import type { Sample } from './types';

const KEPT = 600;
let samples: Sample[] = [];
const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** `light-dark()` is resolved by an element that uses it. */
function resolved(name: string): string {
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.color = colour(name);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

class Plot {
  private plot?: uPlot;
  private readonly box: HTMLElement;

  constructor(id: string, private readonly label: string, private readonly field: 'events' | 'deliveries') {
    this.box = byId(id);
    new ResizeObserver(() => this.resize()).observe(this.box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.make());
  }

  private data(): uPlot.AlignedData {
    return [samples.map((sample) => sample.at), samples.map((sample) => sample[this.field])];
  }

  private make(): void {
    this.plot?.destroy();
    const [line, text, grid] = [resolved('--accent'), resolved('--muted'), resolved('--line')];
    const axis = { stroke: text, font: '11px system-ui', ticks: { show: false }, grid: { stroke: grid, width: 1 } };
    this.plot = new uPlot({
      width: Math.max(this.box.clientWidth, 60), height: this.box.clientHeight || 120,
      legend: { show: false }, cursor: { y: false, drag: { x: false, y: false } }, padding: [6, 26, 0, 0],
      scales: { x: { range: (_, min, max) => [Math.min(min, max - 120), max] }, y: { range: (_, __, max) => [0, Math.max(max * 1.1, 4)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 90, size: 22, values: (plot, at) => { const long = (plot.scales['x']?.max ?? 0) - (plot.scales['x']?.min ?? 0) > 300; return at.map((one) => new Date(one * 1000).toTimeString().slice(0, long ? 5 : 8)); } },
        { ...axis, size: 44, space: 34, values: (_, at) => at.map((one) => count(one)) },
      ],
      series: [{}, { label: this.label, stroke: line, width: 1.5, fill: line.replace('rgb(', 'rgba(').replace(')', ', 0.12)'), points: { show: false } }],
    }, this.data(), this.box);
  }

  private resize(): void {
    if (this.box.clientWidth === 0) return;
    if (this.plot) this.plot.setSize({ width: this.box.clientWidth, height: this.box.clientHeight });
    else this.make();
  }

  draw(): void {
    if (this.plot && !document.hidden) this.plot.setData(this.data());
  }
}

const plots = [new Plot('plot-events', 'events', 'events'), new Plot('plot-deliveries', 'deliveries', 'deliveries')];

export function history(all: Sample[]): void {
  samples = all;
  for (const plot of plots) plot.draw();
}

export function sample(one: Sample | null): void {
  if (!one || samples.at(-1)?.at === one.at) return;
  samples.push(one);
  if (samples.length > KEPT) samples.shift();
  for (const plot of plots) plot.draw();
}
