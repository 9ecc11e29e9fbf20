// What goes wrong, ahead of the library and behind it. A fault waits in a queue for a call that
// matches; `hold-*` keeps the call where it is until it is released or its client has gone.
import { now } from './clock.mjs';

const PORTAL = '<!doctype html><title>Hotel WiFi</title><form><input name="room"></form>';

export class Faults {
  constructor(record) {
    this.record = record;
    this.queue = [];
    this.held = new Set();
  }

  /** `{endpoint, grant?, kind, status?, headers?, body?, ms?, times?, skip?, only?}`; with `only`, an
   * answer of another status goes out, and the fault waits for the next. */
  add(fault) {
    this.queue.push({ times: 1, skip: 0, ...fault });
  }

  take(call) {
    const fault = this.queue.find(
      (one) => (one.endpoint ?? call.endpoint) === call.endpoint && (one.grant ?? call.grant) === call.grant,
    );
    if (!fault) return undefined;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return undefined;
    }
    fault.times -= 1;
    if (fault.times === 0) this.queue.splice(this.queue.indexOf(fault), 1);
    call.fault = fault.kind;
    return fault;
  }

  /** True where the call ends here and never reaches the library. */
  async before(fault, call, req, res) {
    switch (fault?.kind) {
      case 'status':
        this.answer(call, res, fault.status, fault.headers ?? {}, fault.body ?? '');
        return true;
      case 'portal':
        this.answer(call, res, 200, { 'content-type': 'text/html' }, PORTAL);
        return true;
      case 'reset-before':
        this.record.finish(call, 0);
        req.socket.destroy();
        return true;
      case 'delay':
        await pause(fault.ms);
        return false;
      case 'hold-before':
        return !(await this.hold(call, req));
      default:
        return false;
    }
  }

  /** The library has answered; true where its answer may go out. */
  async after(fault, call, req, res) {
    if (fault?.only && res.statusCode !== fault.only) {
      this.queue.unshift({ ...fault, times: 1 });
      call.fault = null;
      return true;
    }
    switch (fault?.kind) {
      case 'reset-after':
        req.socket.destroy();
        return false;
      case 'truncate':
        res.removeHeader('content-length');
        res.setHeader('content-length', '65536');
        res.write('{"access_token":"');
        req.socket.end();
        return false;
      case 'delay-after':
        await pause(fault.ms);
        return true;
      case 'hold-after':
        return this.hold(call, req);
      default:
        return true;
    }
  }

  release() {
    const many = this.held.size;
    for (const let_go of this.held) let_go(true);
    return many;
  }

  /** False where the client hung up while it waited. */
  hold(call, req) {
    return new Promise((resolve) => {
      const let_go = (go_on) => {
        this.held.delete(let_go);
        call.released = now();
        if (!go_on) this.record.finish(call, 0);
        resolve(go_on);
      };
      this.held.add(let_go);
      req.socket.once('close', () => this.held.has(let_go) && let_go(false));
      this.record.hold(call);
    });
  }

  answer(call, res, status, headers, body) {
    this.record.finish(call, status, jsonOrNothing(body));
    res.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const jsonOrNothing = (body) => (typeof body === 'object' ? body : undefined);
