//! The sign-in page: pick a person, any password. Then on to whatever waited for it.

use std::fmt::Write;

use crate::authorize;
use crate::call::{Call, Reply};
use crate::encode::html;
use crate::pages;
use crate::world::{Page, Site, World};

/// What the form needs.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) action: &'a str,
    pub(crate) flow: &'a str,
    /// The application's name.
    pub(crate) client: &'a str,
    /// `login_hint`: whom to offer first.
    pub(crate) hint: Option<String>,
}

pub(crate) fn page(world: &World, sign_in: &SignIn<'_>) -> Reply {
    Reply::html(200, pages::frame(world, "Sign in", &form(world, sign_in, None)))
}

/// The form came back from the authorization endpoint's page.
pub(crate) fn submitted(world: &mut World, site: &Site, call: &Call) -> Reply {
    let flow = call.param("flow").unwrap_or_default();
    let Some(Page::SignIn(request)) = world.pages.get(&flow).cloned() else {
        return pages::message(
            world,
            400,
            "This page is out of date",
            "Go back to the application and start once more.",
        );
    };
    let client = crate::clients::name(world, &request.client);
    let action = site.place.path(crate::family::Endpoint::Authorize);
    let sign_in = SignIn { action, flow: &flow, client, hint: call.param("user") };
    match signed_in(world, call) {
        Ok(sid) => {
            world.pages.remove(&flow);
            world.note.client = Some(request.client.clone());
            let to = authorize::complete(world, site, &request, &sid);
            Reply::redirect(&to).with("set-cookie", pages::session_cookie(&sid))
        }
        Err(problem) => {
            let body = pages::frame(world, "Sign in", &form(world, &sign_in, Some(problem)));
            Reply::html(200, body)
        }
    }
}

/// The session that the form's person gets: the browser's own where it is theirs.
pub(crate) fn signed_in(world: &mut World, call: &Call) -> Result<String, &'static str> {
    let user = call.param("user").ok_or("Choose who you are.")?;
    call.param("password").ok_or("Type a password. Any will do.")?;
    world.user(&user).ok_or("Nobody has this name.")?;
    let own = call
        .cookie(pages::COOKIE)
        .and_then(|sid| world.session(sid))
        .filter(|session| session.sub == user)
        .map(|session| session.sid.clone());
    let Some(sid) = own else { return Ok(world.sign_on(&user)) };
    let now = world.seconds();
    for session in world.sessions.iter_mut().filter(|session| session.sid == sid) {
        session.auth_time = now;
    }
    Ok(sid)
}

pub(crate) fn form(world: &World, sign_in: &SignIn<'_>, problem: Option<&str>) -> String {
    let chosen = sign_in.hint.as_deref().and_then(|hint| hint.split('@').next()).unwrap_or("alice");
    let mut people = String::new();
    for user in &world.users {
        let initials: String =
            user.name.split(' ').filter_map(|word| word.chars().next()).collect();
        let groups =
            if user.groups.is_empty() { "no groups".to_owned() } else { user.groups.join(", ") };
        let checked = if user.sub == chosen { " checked" } else { "" };
        let written = write!(
            people,
            "<label class=\"person\"><input type=\"radio\" name=\"user\" value=\"{sub}\" required{checked}>\
             <span class=\"face\" aria-hidden=\"true\">{initials}</span><span class=\"who\"><b>{name}</b>\
             <span>{groups}</span></span><span class=\"tick\" aria-hidden=\"true\">✓</span></label>",
            sub = html(&user.sub),
            initials = html(&initials),
            name = html(&user.name),
            groups = html(&groups),
        );
        debug_assert!(written.is_ok(), "a string takes all text");
    }
    let alert = problem
        .map(|text| format!("<p class=\"alert\" role=\"alert\">{}</p>", html(text)))
        .unwrap_or_default();
    format!(
        "<h1>Sign in</h1><p class=\"lead\">to go on to <b>{client}</b></p>{alert}\
         <form method=\"post\" action=\"{action}\"><input type=\"hidden\" name=\"flow\" value=\"{flow}\">\
         <fieldset><legend>Who are you?</legend>{people}</fieldset>\
         <label class=\"above\" for=\"password\">Password</label>\
         <input class=\"text\" id=\"password\" name=\"password\" type=\"password\" autocomplete=\"off\" required autofocus aria-describedby=\"any\">\
         <p class=\"hint\" id=\"any\">Any password will do.</p>\
         <div class=\"row\"><button type=\"submit\">Sign in</button></div></form>",
        client = html(sign_in.client),
        action = html(sign_in.action),
        flow = html(sign_in.flow),
    )
}
