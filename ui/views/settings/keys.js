// The name of a key in config.toml, as an edit takes it.

/** `profile.prod.flow`, with quotes where a name needs them. */
export const key = (...names) => names.map((name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name))).join('.');
