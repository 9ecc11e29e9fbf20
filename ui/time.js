// Times in words, and the one clock that ticks for everything shown.
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const ticking = new Set();

export const now = () => Date.now() / 1000;

/** Calls `draw` each second while `node` is in the page. */
export function eachSecond(node, draw) {
  const entry = { node, draw, met: false };
  ticking.add(entry);
  draw();
}

function tick() {
  for (const entry of ticking) {
    if (entry.node.isConnected) {
      entry.met = true;
      entry.draw();
    } else if (entry.met) ticking.delete(entry);
  }
  // Meets the next full second, whatever the last round took.
  setTimeout(tick, 1000 - (Date.now() % 1000));
}
tick();

const two = (value) => String(value).padStart(2, '0');

/** 41m 12s, 3h 12m 05s, 29d 21h. */
export function left(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes, rest] = split(whole);
  if (days) return `${days}d ${hours}h`;
  if (hours) return `${hours}h ${two(minutes)}m ${two(rest)}s`;
  if (minutes) return `${minutes}m ${two(rest)}s`;
  return `${rest}s`;
}

const split = (whole) => [Math.floor(whole / DAY), Math.floor((whole % DAY) / HOUR), Math.floor((whole % HOUR) / MINUTE), whole % MINUTE];

/** Two units in full words, for a screen reader and for prose. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const units = ['day', 'hour', 'minute', 'second'];
  const parts = split(whole).map((amount, at) => [amount, units[at]]).filter(([amount]) => amount);
  if (!parts.length) return 'less than a second';
  return parts.slice(0, 2).map(([amount, unit]) => `${amount} ${unit}${amount === 1 ? '' : 's'}`).join(' ');
}

/** One unit: 12 min, 3 h, 5 days. */
export function rough(seconds) {
  const whole = Math.abs(Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.round(whole / MINUTE)} min`;
  if (whole < DAY) return `${Math.round(whole / HOUR)} h`;
  const days = Math.round(whole / DAY);
  return `${days} day${days === 1 ? '' : 's'}`;
}

export const date = (epoch) => new Date(epoch * 1000);
export const clock = (epoch, seconds = true) => {
  const at = date(epoch);
  return `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ''}`;
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
export const day = (epoch) => `${date(epoch).getDate()} ${MONTHS[date(epoch).getMonth()]}`;

/** 14:20 today, else with its day. */
export function when(epoch) {
  const same = date(epoch).toDateString() === new Date().toDateString();
  return same ? clock(epoch, false) : `${day(epoch)}, ${clock(epoch, false)}`;
}

export const stamp = (epoch) => `${day(epoch)} ${date(epoch).getFullYear()}, ${clock(epoch)}`;
export const epochOf = (rfc3339) => Date.parse(rfc3339) / 1000;
