// Serves ui/ as the window does: the same policy, and the stage's stand-in before the view's own code.
//   node stage/serve.mjs [PORT]    then open http://127.0.0.1:PORT/index.html?stage=rich#/sessions
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';

const UI = join(import.meta.dirname, '../../../ui');
const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
/** The window's own policy, from its config. */
export const POLICY = JSON.parse(readFileSync(join(import.meta.dirname, '../../../src-tauri/tauri.conf.json'), 'utf8')).app.security.csp;
const FIRST = '<script type="module" src="/stage/tauri.js"></script>\n  <script type="module" src="app.js">';

export async function serve(port = 0) {
  const server = http.createServer(async (request, reply) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname).replace(/^\/$/, '/index.html');
    const place = path.startsWith('/stage/') ? join(import.meta.dirname, path.slice(7)) : join(UI, path);
    try {
      const text = await readFile(place, 'utf8');
      reply.setHeader('content-type', KINDS[extname(place)] ?? 'application/octet-stream');
      reply.setHeader('content-security-policy', POLICY);
      reply.end(path === '/index.html' ? text.replace('<script type="module" src="app.js">', FIRST) : text);
    } catch {
      reply.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { at: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

if (import.meta.filename === process.argv[1]) console.log((await serve(Number(process.argv[2] ?? 4300))).at);
