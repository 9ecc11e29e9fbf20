// A person without a browser, as a program: walks from a provider's page until a redirect leaves that
// provider or no form is left. One JSON object on standard output: {left} or {page}.
//   node walk.mjs [--user alice] [--password x] [--user-code CODE] [--press NAME=VALUE] [--deny] URL
import { parseArgs } from 'node:util';
import { walk } from './person.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    user: { type: 'string', default: 'alice' },
    password: { type: 'string', default: 'x' },
    'user-code': { type: 'string', default: '' },
    deny: { type: 'boolean', default: false },
    press: { type: 'string', multiple: true, default: [] },
  },
});
const pressed = Object.fromEntries(values.press.map((one) => one.split('=')));
const fields = { login: values.user, username: values.user, password: values.password, user_code: values['user-code'], device_user_code: values['user-code'], deny: values.deny, ...pressed };
const [url] = positionals;
process.stdout.write(`${JSON.stringify(await walk(url, { fields, stay: new URL(url).origin }))}\n`);
