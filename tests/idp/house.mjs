// Many providers in one program, since most of a provider's start is to read the library. A line of JSON on
// standard input asks, a line on standard output answers, and the program ends when standard input does.
//   {"id": 1, "start": {"family": "pingone", "access": 300, "key": FILE, "tls": {"chain": FILE, "key": FILE}}}
//   {"id": 2, "stop": 1}
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { keptKey, start } from './provider.mjs';

const standing = new Map();

async function begin(id, { key, tls, ...rest }) {
  const files = tls && { chain: readFileSync(tls.chain), key: readFileSync(tls.key) };
  const rig = await start({ ...rest, tls: files, key: keptKey(key) });
  standing.set(id, rig);
  return rig.line;
}

/** Answers once the ports are free: another may take them. */
async function end(id) {
  await standing.get(id)?.close();
  standing.delete(id);
  return {};
}

// Nobody hears us any more: without an end here the next line would go wrong as that one, and for ever.
for (const mouth of [process.stdout, process.stderr]) mouth.on('error', () => process.exit(0));

// What goes wrong in one rig, a client that is gone say, is no other's.
process.on('uncaughtException', (error) => process.stderr.write(`${error.stack}\n`));

for await (const line of createInterface({ input: process.stdin })) {
  const { id, start: wanted, stop } = JSON.parse(line);
  const answer = await (wanted ? begin(id, wanted) : end(stop)).catch((error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`);
}
process.exit(0);
