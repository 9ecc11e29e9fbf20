// Two texts and the one both were made from, line by line: what differs, and what becomes of both. Pure.

/** Over the lines of a place that both changed. */
export const ON_DISK = '# on disk:';

/** Which lines of `a` stand in `b`, in order: pairs of their places. */
function common(a, b) {
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (longest[i + 1][j] >= longest[i][j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}

/** Places where `a` and `b` differ: lines of each, from and to. */
function hunks(a, b) {
  const found = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...common(a, b), [a.length, b.length]]) {
    if (x > i || y > j) found.push({ a: [i, x], b: [j, y] });
    [i, j] = [x + 1, y + 1];
  }
  return found;
}

/** The lines of both, each `same`, `there` or `mine`. */
export function compared(there, mine) {
  const [a, b] = [there.split('\n'), mine.split('\n')];
  const lines = [];
  let at = 0;
  for (const { a: [from, to], b: [start, end] } of hunks(a, b)) {
    lines.push(...a.slice(at, from).map((text) => ['same', text]), ...a.slice(from, to).map((text) => ['there', text]), ...b.slice(start, end).map((text) => ['mine', text]));
    at = to;
  }
  return [...lines, ...a.slice(at).map((text) => ['same', text])];
}

/** Both changes of `base`. Where they meet, the lines of both stand below each other, each named; `met`
    counts those places. */
export function merged(base, there, mine) {
  const [from, a, b] = [base, there, mine].map((text) => text.split('\n'));
  const changes = [...hunks(from, a).map((one) => ({ ...one, whose: 'there' })), ...hunks(from, b).map((one) => ({ ...one, whose: 'mine' }))].sort((x, y) => x.a[0] - y.a[0]);
  const out = [];
  let [at, met] = [0, 0];
  while (changes.length) {
    const [first] = changes;
    const group = [changes.shift()];
    let end = first.a[1];
    while (changes.length && (changes[0].a[0] < end || changes[0].a[0] === first.a[0])) {
      group.push(changes.shift());
      end = Math.max(end, group.at(-1).a[1]);
    }
    out.push(...from.slice(at, first.a[0]));
    const of = (whose, lines) => side(group.filter((one) => one.whose === whose), lines, [first.a[0], end]);
    const [theirs, ours] = [of('there', a), of('mine', b)];
    if (!theirs || !ours || theirs.join('\n') === ours.join('\n')) out.push(...(theirs ?? ours));
    else {
      met += 1;
      out.push(ON_DISK, ...theirs, '# yours:', ...ours, '# end of both');
    }
    at = end;
  }
  out.push(...from.slice(at));
  return { text: out.join('\n'), met };
}

/** What one of the two has for these lines of the base; null where it left them alone. */
function side(own, lines, [from, to]) {
  if (!own.length) return null;
  const [first, last] = [own[0], own.at(-1)];
  return lines.slice(first.b[0] - (first.a[0] - from), last.b[1] + (to - last.a[1]));
}
