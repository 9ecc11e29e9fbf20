// What went over the wire: one entry a call, with fingerprints in place of tokens, and beside it
// the secrets themselves for the tests' scan. Waiting is on an event, never on a clock.
import { createHash } from 'node:crypto';
import { now } from './clock.mjs';

const SECRETS_IN_FORM = ['client_assertion', 'client_secret', 'code', 'code_verifier', 'device_code', 'refresh_token', 'token'];
const SECRETS_IN_REPLY = ['access_token', 'refresh_token', 'id_token', 'device_code'];

/** The first 16 hex digits of a SHA-256: enough to tell tokens apart, useless to anyone else. */
export const fingerprint = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

export class Record {
  constructor() {
    this.calls = [];
    this.api = [];
    this.secrets = new Map(); // value -> kind
    this.waiters = new Set();
  }

  begin(endpoint, method, form) {
    const presented = form.refresh_token ?? form.token;
    const call = {
      seq: this.calls.length + 1,
      at: now(),
      endpoint,
      method,
      grant: form.grant_type?.split(':').pop() ?? null,
      client: form.client_id ?? null,
      scope: form.scope ?? null,
      prompt: form.prompt ?? null,
      max_age: form.max_age ?? null,
      presented: presented ? fingerprint(presented) : null,
      pkce: Boolean(form.code_verifier ?? form.code_challenge),
      state: 'arrived', // arrived | held | done
      served: false, // the library has answered, whoever hears it
      fault: null,
      status: null,
      error: null,
      issued: null,
    };
    this.calls.push(call);
    for (const name of SECRETS_IN_FORM) this.secret(`sent ${name}`, form[name]);
    this.tell();
    return call;
  }

  hold(call) {
    call.state = 'held';
    this.tell();
  }

  finish(call, status, reply) {
    if (call.state === 'done') return;
    call.state = 'done';
    call.took = now() - call.at;
    call.status = status;
    call.error = reply?.error ?? null;
    call.issued = reply?.refresh_token ? fingerprint(reply.refresh_token) : null;
    call.access = reply?.access_token ? fingerprint(reply.access_token) : null;
    this.tell();
  }

  /** Secrets count from the moment they exist, whether or not they ever arrive. */
  handOut(reply) {
    for (const name of SECRETS_IN_REPLY) this.secret(name, reply?.[name]);
  }

  secret(kind, value) {
    if (typeof value === 'string' && value.length >= 12) this.secrets.set(value, kind);
  }

  /** Resolves once `ready(record)` is true, or with `false` after `ms`. */
  until(ready, ms) {
    if (ready(this)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { ready, resolve };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        resolve(false);
      }, ms);
      waiter.resolve = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
      this.waiters.add(waiter);
    });
  }

  tell() {
    for (const waiter of this.waiters) {
      if (!waiter.ready(this)) continue;
      this.waiters.delete(waiter);
      waiter.resolve(true);
    }
  }
}
