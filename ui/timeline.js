// The picture of a span of time: a track a connection, a mark a record, hours below. It is a slider: the
// arrows walk the marks and say each; dragging, or Shift and the arrows, selects a time.
import { fill, h, svg } from './dom.js';
import { clock, day, now } from './time.js';

const TRACKS = 6;
const TRACK = 24;
const AXIS = 22;
const TOP = 6;
export const HEIGHT = TOP + TRACKS * TRACK + AXIS;
/** How near must a pointer be to a mark, in pixels? */
const NEAR = 9;
/** From how many pixels on is a press a drag? */
const DRAG = 4;
const STEPS = [300, 600, 900, 1800, 3600, 7200, 10_800, 21_600];
const ROOM = 62;

/** items: {track, kind, at, words, item}. */
export function timeline({ open, selected }) {
  const picture = svg('svg', { class: 'timeline-picture', 'aria-hidden': 'true', height: HEIGHT });
  const tip = h('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  const node = h('div', { class: 'timeline', role: 'slider', tabindex: '0', 'aria-label': 'Timeline of the records', 'aria-orientation': 'horizontal', 'aria-valuemin': '0', 'aria-valuenow': '0' }, picture, tip);
  let model = { items: [], tracks: [], from: 0, to: 0 };
  let cursor = -1;
  let brush = null;
  let anchor = null;
  const gutter = () => (node.clientWidth < 560 ? 100 : 152);
  const x = (at) => gutter() + ((at - model.from) / (model.to - model.from)) * (node.clientWidth - gutter() - 8);
  const time = (px) => model.from + ((px - gutter()) / (node.clientWidth - gutter() - 8)) * (model.to - model.from);
  const trackY = (track) => TOP + model.tracks.indexOf(track) * trackHeight() + trackHeight() / 2;
  const trackHeight = () => (TRACKS * TRACK) / Math.max(model.tracks.length, 4);

  function draw() {
    const width = node.clientWidth;
    if (!width || !model.to) return;
    picture.setAttribute('width', width);
    picture.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    fill(picture, axis(width), model.tracks.map(trackOf(width)), brush && brushed(), marks(), cursor >= 0 && cursorLine());
    speak();
  }

  function axis(width) {
    const span = model.to - model.from;
    const step = STEPS.find((one) => (one / span) * (width - gutter()) >= ROOM) ?? STEPS.at(-1);
    const lines = [];
    const zone = new Date(model.from * 1000).getTimezoneOffset() * 60;
    for (let at = Math.ceil((model.from - zone) / step) * step + zone; at <= model.to; at += step) {
      const px = x(at);
      lines.push(svg('line', { class: 'grid', x1: px, x2: px, y1: TOP, y2: HEIGHT - AXIS + 4 }));
      const words = clock(at, false) === '00:00' ? day(at) : clock(at, false);
      if (px > gutter() + 14 && px < width - 18) lines.push(svg('text', { class: 'hour', x: px, y: HEIGHT - 5, 'text-anchor': 'middle' }, words));
    }
    return lines;
  }

  const trackOf = (width) => (track) => {
    const y = trackY(track);
    const most = Math.floor((gutter() - 12) / 6.6);
    const text = track.length > most ? `${track.slice(0, most - 1)}…` : track;
    return [svg('line', { class: 'track', x1: gutter(), x2: width, y1: y, y2: y }), svg('text', { class: 'track-name', x: 0, y: y + 4 }, text)];
  };

  /** Marks of one kind on one pixel are one mark. */
  function marks() {
    const drawn = new Set();
    const order = { cache: 0, other: 1, refresh: 2, exchange: 3, 'sign-in': 4, failed: 5, denied: 6 };
    return model.items.filter(({ at }) => at >= model.from && at <= model.to).sort((a, b) => (order[a.kind] ?? 1) - (order[b.kind] ?? 1)).map((one) => {
      const place = `${one.track} ${one.kind} ${Math.round(x(one.at) / 2)}`;
      if (drawn.has(place)) return null;
      drawn.add(place);
      const dim = brush && (one.at < brush[0] || one.at > brush[1]);
      return shape(one.kind, Math.round(x(one.at) * 2) / 2, trackY(one.track), dim);
    });
  }

  const brushed = () => svg('rect', { class: 'brush', x: x(brush[0]), width: Math.max(1, x(brush[1]) - x(brush[0])), y: TOP - 4, height: TRACKS * TRACK + 6, rx: 3 });
  const cursorLine = () => {
    const px = x(model.items[cursor].at);
    return [svg('line', { class: 'cursor', x1: px, x2: px, y1: TOP - 4, y2: HEIGHT - AXIS + 2 }), svg('circle', { class: 'cursor-ring', cx: px, cy: trackY(model.items[cursor].track), r: 8 })];
  };

  function speak() {
    const one = model.items[cursor];
    node.setAttribute('aria-valuemax', String(Math.max(0, model.items.length - 1)));
    node.setAttribute('aria-valuenow', String(Math.max(0, cursor)));
    node.setAttribute('aria-valuetext', one ? one.words.join(', ') : `${model.items.length} records from ${clock(model.from, false)} to ${clock(model.to, false)}`);
  }

  function tell(one) {
    tip.hidden = !one;
    if (!one) return;
    fill(tip, h('strong', {}, one.words[0]), one.words.slice(1).filter(Boolean).map((word) => h('span', {}, word)));
    const px = x(one.at);
    const width = tip.offsetWidth;
    const y = trackY(one.track);
    const leftEdge = Math.max(0, Math.min(node.clientWidth - width, px + 14 + width > node.clientWidth ? px - width - 14 : px + 14));
    tip.style.setProperty('transform', `translate(${Math.round(leftEdge)}px, ${Math.round(Math.max(0, Math.min(HEIGHT - tip.offsetHeight, y - tip.offsetHeight / 2)))}px)`);
  }

  function nearest(px, y) {
    let best = -1;
    let least = NEAR;
    model.items.forEach((one, index) => {
      const far = Math.hypot(x(one.at) - px, (trackY(one.track) - y) * 0.8);
      if (far < least) [best, least] = [index, far];
    });
    return best;
  }

  const select = (span) => {
    brush = span;
    selected(span);
    draw();
  };

  let press = null;
  const local = (event) => {
    const box = node.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  node.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    const [px, y] = local(event);
    press = { px, y, moved: false };
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener('pointermove', (event) => {
    const [px, y] = local(event);
    if (press && (press.moved || Math.abs(px - press.px) > DRAG)) {
      press.moved = true;
      brush = [press.px, px].sort((a, b) => a - b).map((one) => Math.min(model.to, Math.max(model.from, time(one))));
      tell(null);
      draw();
    } else if (!press) tell(model.items[nearest(px, y)]);
  });
  node.addEventListener('pointerup', (event) => {
    if (!press) return;
    const [px, y] = local(event);
    const { moved } = press;
    press = null;
    if (moved) return select(brush);
    const hit = nearest(px, y);
    if (hit >= 0) return open(model.items[hit].item);
    if (px < gutter()) return;
    const half = (model.to - model.from) / 48;
    select(brush ? null : [Math.max(model.from, time(px) - half), Math.min(model.to, time(px) + half)]);
  });
  node.addEventListener('pointercancel', () => (press = null));
  node.addEventListener('pointerleave', () => tell(null));
  node.addEventListener('blur', () => {
    cursor = -1;
    anchor = null;
    tell(null);
    draw();
  });
  node.addEventListener('focus', () => {
    if (!node.matches(':focus-visible') || !model.items.length) return;
    cursor = model.items.length - 1;
    tell(model.items[cursor]);
    draw();
  });
  node.addEventListener('keydown', (event) => {
    const last = model.items.length - 1;
    const to = { ArrowRight: cursor + 1, ArrowLeft: cursor - 1, Home: 0, End: last, PageUp: cursor - 10, PageDown: cursor + 10 }[event.key];
    if (event.key === 'Escape' && brush) return select(null);
    if (event.key === 'Enter' && model.items[cursor]) return open(model.items[cursor].item);
    if (to === undefined || last < 0) return undefined;
    event.preventDefault();
    const before = Math.max(0, cursor);
    cursor = Math.min(last, Math.max(0, to));
    tell(model.items[cursor]);
    if (!event.shiftKey) {
      anchor = null;
      return draw();
    }
    anchor ??= model.items[before].at;
    return select([anchor, model.items[cursor].at].sort((a, b) => a - b));
  });
  new ResizeObserver(() => draw()).observe(node);

  return {
    node,
    show: (items, tracks, span) => {
      const held = model.items[cursor]?.item;
      const to = now();
      model = { items: [...items].sort((a, b) => a.at - b.at), tracks, from: to - span, to: to + span / 200 };
      cursor = held ? model.items.findIndex((one) => one.item.seq === held.seq) : -1;
      draw();
    },
    clear: () => {
      brush = null;
      draw();
    },
  };
}

/** Told apart by shape, not by colour alone. */
export function shape(kind, x, y, dim = false) {
  const look = { class: `mark-${kind}${dim ? ' dim' : ''}` };
  switch (kind) {
    case 'cache': return svg('rect', { ...look, x: x - 1, y: y - 5, width: 2, height: 10, rx: 1 });
    case 'refresh': return svg('path', { ...look, d: `M${x} ${y - 5}l5 5-5 5-5-5z` });
    case 'exchange': return svg('rect', { ...look, x: x - 4, y: y - 4, width: 8, height: 8, rx: 1.5 });
    case 'denied': return svg('path', { ...look, d: `M${x - 4} ${y - 4}l8 8m0-8-8 8` });
    case 'failed': return svg('path', { ...look, d: `M${x} ${y - 5}l5.500 9.500h-11z` });
    case 'sign-in': return svg('circle', { ...look, cx: x, cy: y, r: 4 });
    default: return svg('circle', { ...look, cx: x, cy: y, r: 2 });
  }
}
