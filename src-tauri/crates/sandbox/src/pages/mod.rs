//! What people see: one frame around every page, plain HTML without a script. Decides nothing.

pub(crate) mod device;
pub(crate) mod sign_in;

use crate::call::Reply;
use crate::encode::html;
use crate::world::World;

/// The browser's session.
pub(crate) const COOKIE: &str = "sandbox_session";

const STYLE: &str = include_str!("style.css");

/// Two people passing a ball: nobody's trademark.
const MARK: &str = r#"<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="var(--accent)"/><path d="M8 20.5a8 8 0 0 1 16 0" fill="none" stroke="var(--on-accent)" stroke-width="2.6" stroke-linecap="round"/><circle cx="16" cy="11" r="2.9" fill="var(--on-accent)"/><circle cx="8" cy="23" r="1.9" fill="var(--on-accent)"/><circle cx="24" cy="23" r="1.9" fill="var(--on-accent)"/></svg>"#;

/// The whole document around a page's own part, which must be escaped already.
pub(crate) fn frame(world: &World, title: &str, inner: &str) -> String {
    let (title, family) = (html(title), world.family.label());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Sandbox</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main><p class=\"brand\">{MARK}Sandbox<small>as {family}</small></p>{inner}</main>\
         <footer>A stage for trying dagpass, on this machine only. It is not {family} and keeps no password.</footer></body></html>"
    )
}

/// A page that only says something.
pub(crate) fn message(world: &World, status: u16, title: &str, text: &str) -> Reply {
    let (class, sign) = if status < 400 { ("good", "✓") } else { ("bad", "!") };
    let inner = format!(
        "<div class=\"sign {class}\" aria-hidden=\"true\">{sign}</div><h1>{}</h1>\
         <p class=\"lead\" style=\"margin-bottom:0\">{}</p>",
        html(title),
        html(text)
    );
    Reply::html(status, frame(world, title, &inner))
}

/// The cookie of a new session.
pub(crate) fn session_cookie(sid: &str) -> String {
    format!("{COOKIE}={sid}; Path=/; HttpOnly; SameSite=Lax")
}
