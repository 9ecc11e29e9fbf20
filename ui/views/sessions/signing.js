// A sign-in while it runs: the browser's, or a code with its QR picture. Holds what the channel told;
// the addresses are opened by the program, never by this page.
import { copyButton } from '../../copy.js';
import { freshId, h, svg } from '../../dom.js';
import { ask, signIn } from '../../ipc.js';
import { button, prose, working } from '../../notice.js';
import { refresh } from '../../store.js';
import { eachSecond, left, now } from '../../time.js';
import { toast, toastRefusal } from '../../toast.js';
import { nameOf } from '../../words.js';

/** `own` is the connection whose sign-in this is, where it has one of its own. */
export function signing(profile, changed, own) {
  let run = null;
  let failed = null;
  let turn = 0;

  const heard = (mine) => async (event) => {
    if (mine !== turn || !run) return;
    if (event.event === 'note') run.note = event.text;
    else if (event.event === 'signed_in') return end(`Signed in to ${own ?? profile} as ${nameOf(event.status.who) || 'you'}`);
    else if (event.event === 'failed') return fail(event.error);
    else {
      run.step = event;
      const address = event.verification_uri_complete ?? event.verification_uri;
      if (event.event === 'device' && address) run.qr = await ask('qr', { text: address }).catch(() => null);
    }
    changed();
  };
  const end = (words) => {
    run = null;
    failed = null;
    toast(words);
    changed();
    return refresh();
  };
  // Another sign-in of this profile was begun elsewhere in the window.
  const displaced = () => {
    run = null;
    changed();
  };
  const fail = (refusal) => {
    run = null;
    failed = refusal;
    changed();
  };

  return {
    shown: () => Boolean(run),
    failed: () => failed,
    facts: () => [run?.flow, run?.step, run?.note, Boolean(run?.qr), failed],
    forget: () => {
      failed = null;
      changed();
    },
    // Whoever clicks again is shown the one that runs: another would open another page.
    start: async (choice) => {
      if (run) return changed();
      const mine = ++turn;
      run = { flow: choice.flow, step: null, note: null, qr: null };
      failed = null;
      changed();
      try {
        const finish = await signIn(profile, { ...(own && { connection: own }), ...choice }, heard(mine));
        if (finish === 'cancelled' && mine === turn) displaced();
      } catch (refusal) {
        if (mine === turn && run) fail(refusal);
      }
    },
    cancel: async () => {
      turn += 1;
      run = null;
      changed();
      await ask('cancel_sign_in', { profile }).catch(toastRefusal);
      await refresh();
    },
    left: () => timeLeft(run?.step),
    draw: () => drawn(profile, run),
  };
}

function timeLeft(step) {
  const node = h('span', { class: 'soft small figures' });
  if (!step?.expires_at) {
    node.textContent = '\u00a0';
    return node;
  }
  eachSecond(node, () => {
    const rest = step.expires_at - now();
    node.textContent = rest > 0 ? `${left(rest)} left` : 'The time is over';
  });
  return node;
}

const open = (profile, label) => working(label, () => ask('open_sign_in_page', { profile }), { glyph: 'browser', action: 'open-page' });

function drawn(profile, run) {
  if (!run) {
    return h('div', { class: 'signing' }, waiting('A sign-in is under way, begun elsewhere.'), h('div', { class: 'actions' }, open(profile, 'Open the page')));
  }
  if (!run.step) return h('div', { class: 'signing' }, waiting(run.flow === 'device' ? 'Asking Ping for a code…' : 'Opening the browser…'));
  return run.step.event === 'device' ? device(profile, run) : browser(profile, run);
}

const waiting = (words) => h('p', { class: 'chip' }, h('span', { class: 'waits', 'aria-hidden': 'true' }), words);

function device(profile, { step, qr, note }) {
  return h(
    'div',
    { class: 'signing device' },
    picture(qr),
    h(
      'div',
      {},
      h('p', { class: 'soft small' }, 'Type this code at'),
      h('p', { class: 'small' }, h('strong', {}, step.verification_uri.replace(/^https?:\/\//, ''))),
      h('code', { class: 'user-code', data: { code: step.user_code }, 'aria-label': `Code ${step.user_code.split('').join(' ')}` }, step.user_code),
    ),
    h('div', { class: 'actions' }, copyButton(step.user_code, { words: 'Copy', label: 'Copy the code', action: 'copy-code', look: '' }), open(profile, 'Open page')),
    note && h('p', { class: 'soft small whole' }, prose(note)),
  );
}

/** The modules of the QR code, dark on white in either theme: cameras want it so. */
function picture(qr) {
  if (!qr) return h('div', { class: 'qr', 'aria-hidden': 'true' });
  let path = '';
  for (let at = 0; at < qr.modules.length; at += 1) {
    if (qr.modules[at] === '1') path += `M${at % qr.size} ${Math.floor(at / qr.size)}h1v1h-1z`;
  }
  return svg('svg', { class: 'qr', viewBox: `0 0 ${qr.size} ${qr.size}`, role: 'img', 'aria-label': 'QR code of the sign-in page', 'shape-rendering': 'crispEdges' }, svg('path', { d: path, fill: 'currentColor' }));
}

function browser(profile, { step, note }) {
  return h(
    'div',
    { class: 'signing' },
    waiting(step.opened ? 'Go on in your browser. This card follows.' : 'No browser was opened. Open the page yourself.'),
    note && h('p', { class: 'soft small' }, prose(note)),
    h('div', { class: 'actions' }, open(profile, step.opened ? 'Open the page again' : 'Open the page')),
    step.paste && paste(profile),
  );
}

function paste(profile) {
  const id = freshId('paste');
  const input = h('input', { id, class: 'input mono', type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: 'http://127.0.0.1:…/callback?…' });
  const send = working('Use it', async () => {
    const url = input.value.trim();
    if (!url) return;
    input.value = '';
    await ask('paste_callback', { profile, url });
  }, { action: 'paste' });
  return h('div', { class: 'field' }, h('label', { for: id }, 'Browser on another machine? Paste the address it ended on'), h('div', { class: 'paste' }, input, send));
}
