// A person without a browser: cookie jar, forms, redirects. Good for bulk; `browser.mjs` drives a
// real Chromium where the fact under test is about browsers.
import http from 'node:http';
import https from 'node:https';

const MOST_PAGES = 12;
/** What providers call the buttons of a consent page: one of them is pressed, not both. */
const AGREEING = ['confirm', 'allow', 'accept'];
const REFUSING = ['cancel'];

/** Walks from `url` until a redirect leaves the provider, or a page has no form left to fill in. */
export async function walk(url, { fields, ca, stay }) {
  const jar = new Map();
  let page = await send('GET', url, null, jar, ca);
  for (let step = 0; step < MOST_PAGES; step += 1) {
    if (page.location && !page.location.startsWith(stay)) return { left: page.location };
    if (page.location) page = await send('GET', page.location, null, jar, ca);
    else if (page.status >= 400) throw new Error(`the provider says ${page.status}: ${textOf(page.body)}`);
    else {
      const form = firstForm(page, fields);
      if (!form) return { page: textOf(page.body) };
      page = await send('POST', form.action, form.values, jar, ca);
    }
  }
  throw new Error('the provider sends us in circles');
}

function send(method, url, values, jar, ca) {
  const body = values ? new URLSearchParams(values).toString() : '';
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') };
  if (values) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    headers['content-length'] = Buffer.byteLength(body);
  }
  const client = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.request(url, { method, headers, ca, agent: false }, (reply) => {
      const chunks = [];
      reply.on('data', (chunk) => chunks.push(chunk));
      reply.on('end', () => {
        for (const line of reply.headers['set-cookie'] ?? []) keep(jar, line);
        const location = reply.headers.location && new URL(reply.headers.location, url).href;
        resolve({ url, status: reply.statusCode, location, body: Buffer.concat(chunks).toString() });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function keep(jar, line) {
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
  if (value === '') jar.delete(name);
  else jar.set(name, value);
}

function firstForm(page, fields) {
  const form = /<form([^>]*)>(.*?)<\/form>/s.exec(page.body);
  if (!form) return undefined;
  const values = {};
  for (const [, attributes] of form[2].matchAll(/<input([^>]*)>/gs)) {
    const name = attribute(attributes, 'name');
    if (name) values[name] = attribute(attributes, 'value') ?? '';
  }
  for (const [name, value] of Object.entries(fields)) {
    if (name in values && values[name] === '') values[name] = value;
  }
  // A button counts only where the person names it: pressing none is what Enter does.
  for (const [, attributes] of form[2].matchAll(/<button([^>]*)>/gs)) {
    const name = attribute(attributes, 'name');
    if (name && fields[name] === attribute(attributes, 'value')) values[name] = fields[name];
  }
  if (fields.deny && 'confirm' in values) values.abort = 'yes';
  for (const name of fields.deny ? AGREEING : REFUSING) delete values[name];
  return { action: new URL(attribute(form[1], 'action') ?? page.url, page.url).href, values };
}

function attribute(text, name) {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(text);
  return found?.[1].replaceAll('&amp;', '&').replaceAll('&#x2F;', '/');
}

const textOf = (html) => html.replace(/<(style|script)[^>]*>.*?<\/\1>/gs, ' ').replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 400);
