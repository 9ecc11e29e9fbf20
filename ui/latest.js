// Whose answer counts, where a question can be asked again before the one before is answered.

/** Each call is a question's number; what it returns tells whether it is the last one still. */
export function latest() {
  let turn = 0;
  return () => {
    const mine = ++turn;
    return () => mine === turn;
  };
}

/** Calls `work` when nothing was typed for a while; the last answer alone counts, and none that was
    dropped. */
export function settled(work, wait = 350) {
  const ask = latest();
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    const last = ask();
    timer = setTimeout(() => work(last, ...given), wait);
  };
  later.drop = () => {
    clearTimeout(timer);
    ask();
  };
  return later;
}
