// The browser driver by itself: a real Chromium signs in and ends on a loopback page, over http and
// over https under a private CA.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { start } from './provider.mjs';

const run = promisify(execFile);

for (const scheme of ['http', 'https']) {
  test(`Chromium signs in over ${scheme} and reports the callback page`, async () => {
    const home = mkdtempSync(join(tmpdir(), 'rig-'));
    const tls = scheme === 'https' ? privateCa(home) : undefined;
    const rig = await start({ family: 'pingone', tls });
    const callback = http.createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<title>Done</title><p>signed in</p>'));
    await new Promise((resolve) => callback.listen(0, '127.0.0.1', resolve));
    try {
      const url = new URL(rig.line.endpoints.authorization);
      url.search = new URLSearchParams({
        client_id: 'agent', response_type: 'code', scope: 'openid airflow', state: 's', nonce: 'n',
        redirect_uri: `http://127.0.0.1:${callback.address().port}/callback`,
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
      });
      const { stdout } = await run('node', [join(import.meta.dirname, 'browser.mjs'), url.href], { env: { ...process.env, HOME: home }, timeout: 60_000 });
      const page = JSON.parse(stdout);
      assert.deepEqual([page.status, page.title, page.text], [200, 'Done', 'signed in']);
      assert.equal(page.url, `http://127.0.0.1:${callback.address().port}/callback`);
    } finally {
      rig.close();
      callback.closeAllConnections();
      callback.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
}

/** A private CA and a leaf for loopback, the CA trusted by the Chromium of this HOME alone. */
function privateCa(home) {
  const at = (name) => join(home, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=rig CA',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign');
  openssl('req', ...key, '-keyout', at('leaf.key'), '-out', at('leaf.csr'), '-subj', '/CN=rig');
  writeFileSync(at('leaf.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth\n');
  openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-out', at('leaf.pem'), '-days', '2', '-extfile', at('leaf.ext'));
  const store = `sql:${at('.pki/nssdb')}`;
  mkdirSync(at('.pki/nssdb'), { recursive: true });
  execFileSync('certutil', ['-d', store, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', store, '-A', '-t', 'C,,', '-n', 'rig', '-i', at('ca.pem')]);
  return { chain: readFileSync(at('leaf.pem')) + readFileSync(at('ca.pem')), key: readFileSync(at('leaf.key')) };
}
