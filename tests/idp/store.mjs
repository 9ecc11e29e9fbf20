// What the provider remembers, and what happens to a refresh token that was used: the one place
// where the four rotation modes differ.
import { now } from './clock.mjs';

const GRACE_MS = 10_000;

/** One memory, shared by all models of one provider. */
export class Memory {
  constructor(rotation) {
    this.rotation = rotation; // detect | drop | grace | never
    this.rows = new Map();
  }

  adapter() {
    const memory = this;
    return class {
      constructor(model) {
        this.model = model;
      }

      key(id) {
        return `${this.model}:${id}`;
      }

      async upsert(id, payload, expiresIn) {
        const until = expiresIn ? now() + expiresIn * 1000 : Infinity;
        memory.rows.set(this.key(id), { id, model: this.model, payload, until });
      }

      async find(id) {
        return memory.live(memory.rows.get(this.key(id)));
      }

      async findByUid(uid) {
        return memory.search(this.model, (payload) => payload.uid === uid);
      }

      async findByUserCode(code) {
        return memory.search(this.model, (payload) => payload.userCode === code);
      }

      async destroy(id) {
        memory.rows.delete(this.key(id));
      }

      async consume(id) {
        if (this.model === 'RefreshToken') memory.consumeRefreshToken(this.key(id));
        else memory.mark(this.key(id));
      }

      async revokeByGrantId(grantId) {
        memory.revokeFamily(grantId);
      }
    };
  }

  consumeRefreshToken(key) {
    if (this.rotation === 'drop') this.rows.delete(key);
    else if (this.rotation === 'grace') setTimeout(() => this.mark(key), GRACE_MS).unref();
    else if (this.rotation === 'detect') this.mark(key);
  }

  mark(key) {
    const row = this.rows.get(key);
    if (row) row.payload.consumed = Math.floor(now() / 1000);
  }

  /** Every token of a grant dies: what an admin, or reuse detection, does. */
  revokeFamily(grantId) {
    for (const [key, row] of this.rows) {
      if (row.payload.grantId === grantId) this.rows.delete(key);
    }
  }

  /** Ends every family that stands; says how many. */
  revokeAllFamilies() {
    const grants = [...this.rows.values()].filter((row) => row.model === 'Grant');
    for (const grant of grants) {
      this.revokeFamily(grant.id);
      this.rows.delete(`Grant:${grant.id}`);
    }
    return grants.length;
  }

  /** A copy: the library must not see a row change under its hands. */
  live(row) {
    return row && row.until > now() ? structuredClone(row.payload) : undefined;
  }

  search(model, matches) {
    for (const row of this.rows.values()) {
      if (row.model === model && matches(row.payload)) return this.live(row);
    }
    return undefined;
  }
}
