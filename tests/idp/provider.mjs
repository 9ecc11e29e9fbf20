// The independent provider as a program: prints one JSON line once it listens, and ends when its
// standard input does, so that no test can leave it behind.
//   node provider.mjs --family pingone|pingfederate|pingam [--port 0] [--at-ttl 5] [--rt-ttl 3600]
//                     [--rotation detect|drop|grace|never] [--tls CHAIN KEY] [--key FILE] [--web ORIGIN] [--require-par] [--detached]
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { control } from './control.mjs';
import { CLIENT, dress, publicKeys, signingKey } from './dress.mjs';
import { FAMILIES, PLAIN } from './families.mjs';
import { Faults } from './faults.mjs';
import { Record } from './record.mjs';
import { listen, recordedAndFaulty } from './serve.mjs';
import { Memory } from './store.mjs';

/** Starts a rig in this process. `tls` is `{chain, key}`: the leaf's chain ends in its own CA. */
export async function start({ family: name, port = 0, access = 5, refresh = 3600, rotation = 'detect', tls, requirePar = false, web, client, key = signingKey() }) {
  const family = FAMILIES[name];
  if (!family) throw new Error(`the family is one of ${Object.keys(FAMILIES).join(', ')}`);
  const quirks = { ...PLAIN, ...family.quirks };
  const rig = { skewMs: 0, ttl: { access, refresh } };
  const memory = new Memory(rotation);
  const record = new Record();
  record.secret('client secret', client?.client_secret);
  const faults = new Faults(record);

  // The issuer names the port, so the port comes first and the library second.
  let answer;
  const front = await listen((req, res) => answer(req, res), port, tls && { cert: tls.chain, key: tls.key });
  const origin = `${tls ? 'https' : 'http'}://127.0.0.1:${front.address().port}`;
  const issuer = origin + family.prefix;
  rig.devicePage = origin + family.routes.code_verification;
  const provider = dress({ issuer, family, quirks, memory, ttl: rig.ttl, key, requirePar, web, client });
  answer = recordedAndFaulty({ library: provider.callback(), routes: family.routes, record, faults, rig });

  const back = await listen(control({ origin, ca: tls?.chain, provider, memory, record, faults, quirks, rig, keys: publicKeys(key) }), 0);
  const side = `http://127.0.0.1:${back.address().port}`;
  /** Its ports are free once this has resolved. */
  const close = () => Promise.all([front, back].map((server) => new Promise((closed) => {
    server.close(closed);
    server.closeAllConnections();
  })));
  return {
    close,
    line: {
      family: name,
      issuer,
      discovery: `${issuer}/.well-known/openid-configuration`,
      client_id: CLIENT,
      control: `${side}/__ctl`,
      api: `${side}/api/ping`,
      endpoints: Object.fromEntries(Object.entries(family.routes).map(([kind, path]) => [kind, origin + path])),
    },
  };
}

function options(args) {
  const found = {};
  for (let at = 0; at < args.length; at += 1) {
    const value = args[at + 1];
    switch (args[at]) {
      case '--family': found.family = value; at += 1; break;
      case '--port': found.port = Number(value); at += 1; break;
      case '--at-ttl': found.access = Number(value); at += 1; break;
      case '--rt-ttl': found.refresh = Number(value); at += 1; break;
      case '--rotation': found.rotation = value; at += 1; break;
      case '--tls': found.tls = { chain: readFileSync(value), key: readFileSync(args[at + 2]) }; at += 2; break;
      case '--key': found.key = keptKey(value); at += 1; break;
      case '--web': found.web = value; at += 1; break;
      case '--require-par': found.requirePar = true; break;
      case '--detached': found.detached = true; break;
      default: throw new Error(`unknown argument ${args[at]}`);
    }
  }
  return found;
}

/** Many rigs, one key: making one takes a second of a core. */
export function keptKey(file) {
  if (!existsSync(file)) {
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, JSON.stringify(signingKey()), { mode: 0o600 });
    renameSync(fresh, file);
  }
  return JSON.parse(readFileSync(file));
}

if (import.meta.filename === process.argv[1]) {
  const asked = options(process.argv.slice(2));
  const rig = await start(asked);
  process.stdout.write(`${JSON.stringify({ ...rig.line, pid: process.pid })}\n`);
  if (!asked.detached) process.stdin.resume().on('close', () => process.exit(0));
}
