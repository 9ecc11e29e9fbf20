// Reads what a form shows out of config.toml's text. It only reads: every change goes through the
// agent, which keeps comments and judges. What it cannot read is left out.

/** A text as nested objects of strings, numbers, booleans and arrays. */
export function readToml(text) {
  const root = {};
  let table = root;
  let at = 0;
  const end = () => at >= text.length;
  const skip = (set) => {
    while (!end() && set.test(text[at])) at += 1;
  };
  const line = () => {
    while (!end() && text[at] !== '\n') at += 1;
  };
  const blank = () => {
    for (skip(/\s/); text[at] === '#'; skip(/\s/)) line();
  };

  function word() {
    if (text[at] === '"' || text[at] === "'") return string();
    const from = at;
    skip(/[A-Za-z0-9_-]/);
    if (from === at) throw new Error('no key');
    return text.slice(from, at);
  }

  function path() {
    const names = [word()];
    for (skip(/[ \t]/); text[at] === '.'; skip(/[ \t]/)) {
      at += 1;
      skip(/[ \t]/);
      names.push(word());
    }
    return names;
  }

  function string() {
    const quote = text[at];
    const long = text.startsWith(quote.repeat(3), at);
    const close = long ? quote.repeat(3) : quote;
    at += close.length;
    let out = '';
    while (!end() && !text.startsWith(close, at)) {
      if (quote === '"' && text[at] === '\\') {
        at += 1;
        out += { n: '\n', t: '\t', r: '\r' }[text[at]] ?? text[at];
      } else out += text[at];
      at += 1;
    }
    at += close.length;
    return out;
  }

  function value() {
    if (text[at] === '"' || text[at] === "'") return string();
    if (text[at] === '[') return list();
    if (text[at] === '{') return inline();
    const from = at;
    skip(/[^\s,\]}#]/);
    const bare = text.slice(from, at);
    if (bare === 'true' || bare === 'false') return bare === 'true';
    return /^[+-]?[\d_.]+$/.test(bare) ? Number(bare.replaceAll('_', '')) : bare;
  }

  function list() {
    const out = [];
    at += 1;
    for (blank(); !end() && text[at] !== ']'; blank()) {
      if (text[at] === ',') at += 1;
      else out.push(value());
    }
    at += 1;
    return out;
  }

  function inline() {
    const out = {};
    at += 1;
    for (blank(); !end() && text[at] !== '}'; blank()) {
      if (text[at] === ',') at += 1;
      else pair(out);
    }
    at += 1;
    return out;
  }

  function pair(into) {
    const names = path();
    if (text[at] !== '=') throw new Error('no value');
    at += 1;
    skip(/[ \t]/);
    const told = value();
    const last = names.pop();
    if (descend(into, names)) descend(into, names)[last] = told;
  }

  for (blank(); !end(); blank()) {
    const from = at;
    try {
      if (text[at] === '[') {
        const many = text[at + 1] === '[';
        at += many ? 2 : 1;
        skip(/[ \t]/);
        const names = path();
        table = many ? {} : descend(root, names) ?? {};
        line();
      } else {
        pair(table);
        line();
      }
    } catch {
      at = Math.max(at, from + 1);
      line();
    }
  }
  return root;
}

function descend(from, names) {
  let here = from;
  for (const name of names) {
    if (typeof here !== 'object' || here === null || name === '__proto__') return null;
    here = Object.hasOwn(here, name) ? here[name] : (here[name] = {});
  }
  return here;
}

/** `profile.prod.flow`, with quotes where a name needs them. */
export const key = (...names) => names.map((name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name))).join('.');
