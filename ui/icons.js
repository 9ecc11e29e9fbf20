// The pictures, as strokes on a 16-unit grid. Drawn here and not fetched, so nothing can be missing.
import { svg } from './dom.js';

const STROKES = {
  sessions: ['M6 9.5a3.75 3.75 0 1 1 0-7.5 3.75 3.75 0 0 1 0 7.5Z', 'm8.7 8.4 5 5M11.4 11.1l2-2'],
  activity: ['M1.75 8.25h2.75l2-5.5 3.25 10.5 2-5h2.5'],
  airflow: ['M8 8 2.2 5.2C3.4 2.6 6.3 1.6 8 2.9M8 8l2.8-5.8C13.4 3.4 14.4 6.3 13.1 8M8 8l5.8 2.8C12.6 13.4 9.7 14.4 8 13.1M8 8l-2.8 5.8C2.6 12.6 1.6 9.7 2.9 8'],
  approvals: ['M2.25 2.75h11.5v7.5h-6l-3 3v-3h-2.5z', 'm5.75 6.5 1.75 1.75 3-3.25'],
  settings: ['M1.75 4.5h5M11.25 4.5h3M1.75 11.5h3M9.25 11.5h5', 'M9 6.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM7 13.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z'],
  doctor: ['M8 14.25c3.6-1.3 5.5-3.4 5.5-6.5V3.5L8 1.75 2.5 3.5v4.25c0 3.1 1.9 5.2 5.5 6.5Z', 'm5.5 8 1.75 1.75L10.5 6.25'],
  copy: ['M5.75 5.75h7.5v7.5h-7.5z', 'M10.25 3.25v-.5h-7.5v7.5h.5'],
  check: ['m3 8.5 3.25 3.25L13 5'],
  cross: ['m4 4 8 8M12 4l-8 8'],
  warn: ['M8 2 1.75 13.25h12.5z', 'M8 6.5v3M8 11.3v.1'],
  info: ['M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5Z', 'M8 7.5v3.5M8 5v.1'],
  browser: ['M1.75 3.25h12.5v9.5H1.75zM1.75 6h12.5'],
  code: ['M5 1.75h6v12.5H5zM7.25 11.75h1.5'],
  out: ['M6.25 2.25H2.75v11.5h3.5M10.5 5.25 13.25 8l-2.75 2.75M6.5 8h6.5'],
  lock: ['M3.25 7.25h9.5v6.5h-9.5zM5.25 7V5a2.75 2.75 0 0 1 5.5 0v2'],
  pause: ['M5.5 3.25v9.5M10.5 3.25v9.5'],
  play: ['M4.75 2.75v10.5L13 8z'],
  again: ['M13.25 8A5.25 5.25 0 1 1 11.5 4.1M13.25 2v3.25H10'],
  search: ['M7 11.75a4.75 4.75 0 1 0 0-9.5 4.75 4.75 0 0 0 0 9.5ZM10.5 10.5l3.75 3.75'],
  down: ['m4 6.25 4 4 4-4'],
  next: ['m6.25 4 4 4-4 4'],
  back: ['m9.75 4-4 4 4 4'],
  plus: ['M8 3v10M3 8h10'],
  bolt: ['M9 1.75 3.75 9H8l-1 5.25L12.25 7H8z'],
  away: ['M5.5 2v3M10.5 2v3M3.75 5h8.5v2.5a4.25 4.25 0 0 1-8.5 0zM8 11.75v2.5', 'm2 2 12 12'],
  door: ['M3.75 14V2h8.5v12M1.75 14h12.5M9.75 8v.1'],
  filter: ['M2 4h12M4.25 8h7.5M6.5 12h3'],
  skip: ['M4.5 8h7'],
  person: ['M8 7.75a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5ZM2.75 13.75c.6-2.6 2.6-4 5.25-4s4.65 1.4 5.25 4'],
};

export const icon = (name, size = 16) => svg(
  'svg',
  { width: size, height: size, viewBox: '0 0 16 16', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true', focusable: 'false' },
  STROKES[name].map((d) => svg('path', { d })),
);

/** The mark of icons/source.svg: a key whose bit is a graph with two ends. */
export const brand = (size = 20) => svg(
  'svg',
  { width: size, height: size, viewBox: '0 0 64 64', fill: 'none', stroke: 'currentColor', 'stroke-width': 7, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true', focusable: 'false' },
  svg('circle', { cx: 21, cy: 21, r: 15.5 }),
  svg('path', { d: 'M32 32 55 55M43.5 43.5 54 33' }),
  [[21, 21, 5], [55, 32, 7], [56, 56, 7]].map(([cx, cy, r]) => svg('circle', { cx, cy, r, fill: 'currentColor', stroke: 'none' })),
);
