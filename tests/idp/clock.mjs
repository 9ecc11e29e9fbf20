// The provider's clock: real time plus a skew that holds inside the token routes only. A clock set
// back for the whole provider would end its own login cookies. Import this before oidc-provider.
import { AsyncLocalStorage } from 'node:async_hooks';

const RealDate = globalThis.Date;
const scope = new AsyncLocalStorage();

globalThis.Date = class Date extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(Date.now());
    else super(...parts);
  }

  static now() {
    return RealDate.now() + (scope.getStore() ?? 0);
  }
};

export const skewed = (offsetMs, run) => scope.run(offsetMs, run);
export const now = () => RealDate.now();
export const httpDate = (offsetMs) => new RealDate(RealDate.now() + offsetMs).toUTCString();
