// The way in: every call is recorded, may meet a fault, and runs under the provider's skewed clock
// where it is a token route. The library sits in the middle and knows nothing of it.
import http from 'node:http';
import https from 'node:https';
import { httpDate, skewed } from './clock.mjs';

/** Listens on loopback; `onCall(req, res)` answers. Resolves with the port. */
export function listen(onCall, port, tls) {
  const server = tls ? https.createServer(tls, onCall) : http.createServer(onCall);
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

export function recordedAndFaulty({ library, routes, record, faults, rig }) {
  const endpoints = new Map(Object.entries(routes).map(([name, path]) => [path, name]));
  return async (req, res) => {
    const endpoint = endpoints.get(req.url.split('?')[0]) ?? 'other';
    if (req.method === 'POST') req.body = await bodyOf(req);
    const call = record.begin(endpoint, req.method, Object.fromEntries(new URLSearchParams(req.body ?? '')));
    // A client that is gone hears nothing, whatever still comes of its call.
    res.once('close', () => record.finish(call, 0));
    if (rig.skewMs) res.setHeader('date', httpDate(rig.skewMs));
    const fault = faults.take(call);
    if (await faults.before(fault, call, req, res)) return;
    afterwards(res, async (chunk, send) => {
      const reply = parsed(chunk);
      call.served = true;
      const done = () => record.finish(call, res.statusCode, reply);
      record.handOut(reply);
      recordCode(record, res.getHeader('location'));
      // A call is done once its answer is on the wire, or never will be.
      if (!(await faults.after(fault, call, req, res))) return done();
      res.once('finish', done);
      return send();
    });
    const run = () => library(req, res);
    if (endpoint === 'token') skewed(rig.skewMs, run);
    else run();
  };
}

/** Puts `look` between the library's last write and the socket. */
function afterwards(res, look) {
  const end = res.end.bind(res);
  res.end = (chunk) => {
    res.end = end;
    look(chunk, () => end(chunk)).catch((error) => process.stderr.write(`${error.stack}\n`));
    return res;
  };
}

function parsed(chunk) {
  const text = chunk?.toString() ?? '';
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function recordCode(record, location) {
  if (!location?.includes('code=')) return;
  record.secret('authorization code', new URL(location).searchParams.get('code'));
}

export async function bodyOf(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
