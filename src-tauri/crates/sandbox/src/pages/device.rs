//! The device page: type the code, sign in, see which application asks, approve or deny.

use crate::call::{Call, Reply};
use crate::clients;
use crate::device;
use crate::encode::{html, random};
use crate::family::Endpoint;
use crate::pages::{self, sign_in};
use crate::world::{Page, Site, World};

/// `GET` and `POST` on the device page.
pub(crate) fn serve(world: &mut World, site: &Site, call: &Call) -> Reply {
    let action = site.place.path(Endpoint::DevicePage);
    let waiting = call.param("flow").filter(|_| call.is_post()).map(|flow| {
        let page = world.pages.get(&flow).cloned();
        (flow, page)
    });
    match (waiting, call.param("user_code")) {
        (Some((_, Some(Page::DeviceSignIn(code)))), _) => after_sign_in(world, action, call, &code),
        (Some((flow, Some(Page::DeviceConsent { user_code, sid }))), _) => {
            world.pages.remove(&flow);
            decided(world, call, &user_code, &sid)
        }
        (Some(_), _) => pages::message(
            world,
            400,
            "This page is out of date",
            "Open the address on your device's screen once more.",
        ),
        (None, Some(code)) if call.is_post() => code_given(world, action, call, &code),
        (None, code) => ask(world, action, &code.unwrap_or_default(), None),
    }
}

fn ask(world: &World, action: &str, code: &str, problem: Option<&str>) -> Reply {
    let alert = problem
        .map(|text| format!("<p class=\"alert\" id=\"problem\" role=\"alert\">{}</p>", html(text)))
        .unwrap_or_default();
    let wrong =
        if problem.is_some() { "aria-invalid=\"true\" aria-describedby=\"problem\" " } else { "" };
    let inner = format!(
        "<h1>Connect a device</h1><p class=\"lead\">Type the code that the application shows you.</p>{alert}\
         <form method=\"post\" action=\"{action}\"><label class=\"above\" for=\"user_code\">Code</label>\
         <input class=\"text code\" id=\"user_code\" name=\"user_code\" value=\"{code}\" {wrong}required autofocus \
         autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"12\" placeholder=\"····-····\">\
         <div class=\"row\"><button type=\"submit\">Continue</button></div></form>",
        action = html(action),
        code = html(code),
    );
    Reply::html(200, pages::frame(world, "Connect a device", &inner))
}

fn code_given(world: &mut World, action: &str, call: &Call, code: &str) -> Reply {
    let Some(client) = device::find(world, code).map(|device| device.client.clone()) else {
        let problem = "No open request has this code. It may have expired: ask the application for a new one.";
        return ask(world, action, code, Some(problem));
    };
    let session = call.cookie(pages::COOKIE).and_then(|sid| world.session(sid));
    if let Some(sid) = session.map(|session| session.sid.clone()) {
        return consent(world, action, code, &sid);
    }
    let flow = random(16);
    world.pages.insert(flow.clone(), Page::DeviceSignIn(code.to_owned()));
    let client = clients::name(world, &client);
    sign_in::page(world, &sign_in::SignIn { action, flow: &flow, client, hint: None })
}

fn after_sign_in(world: &mut World, action: &str, call: &Call, code: &str) -> Reply {
    let client = device::find(world, code).map(|device| device.client.clone()).unwrap_or_default();
    let flow = call.param("flow").unwrap_or_default();
    match sign_in::signed_in(world, call) {
        Ok(sid) => {
            world.pages.remove(&flow);
            consent(world, action, code, &sid).with("set-cookie", pages::session_cookie(&sid))
        }
        Err(problem) => {
            let client = clients::name(world, &client);
            let form = sign_in::SignIn { action, flow: &flow, client, hint: call.param("user") };
            let inner = sign_in::form(world, &form, Some(problem));
            Reply::html(200, pages::frame(world, "Sign in", &inner))
        }
    }
}

fn consent(world: &mut World, action: &str, code: &str, sid: &str) -> Reply {
    let Some(device) = device::find(world, code).cloned() else {
        return ask(world, action, "", Some("The code has expired meanwhile."));
    };
    let flow = random(16);
    let name = world
        .session(sid)
        .and_then(|session| world.user(&session.sub))
        .map(|user| user.name.clone())
        .unwrap_or_default();
    let waiting = Page::DeviceConsent { user_code: device.user_code.clone(), sid: sid.to_owned() };
    world.pages.insert(flow.clone(), waiting);
    let scopes: String = device
        .scope
        .iter()
        .map(|scope| {
            format!("<li><span>{} <code>{}</code></span></li>", meaning(scope), html(scope))
        })
        .collect();
    let asks = if scopes.is_empty() {
        String::new()
    } else {
        format!("<h2>It asks to</h2><ul>{scopes}</ul>")
    };
    let inner = format!(
        "<h1>Let {client} sign in as you?</h1><p class=\"lead\">You are <b>{name}</b>.</p>\
         <div class=\"shown\"><span>The code on your screen must be</span><output>{code}</output></div>{asks}\
         <p class=\"hint\" style=\"margin-top:20px\">Approve only if you have just started this yourself.</p>\
         <form method=\"post\" action=\"{action}\"><input type=\"hidden\" name=\"flow\" value=\"{flow}\">\
         <div class=\"row\"><button class=\"quiet\" name=\"decision\" value=\"deny\">Deny</button>\
         <button name=\"decision\" value=\"approve\">Approve</button></div></form>",
        client = html(clients::name(world, &device.client)),
        name = html(&name),
        code = html(&device.user_code),
        action = html(action),
    );
    Reply::html(200, pages::frame(world, "Approve a device", &inner))
}

fn decided(world: &mut World, call: &Call, code: &str, sid: &str) -> Reply {
    let approves = call.param("decision").as_deref() == Some("approve");
    let done = if approves { device::approve(world, code, sid) } else { device::deny(world, code) };
    match (done, approves) {
        (Ok(()), true) => pages::message(
            world,
            200,
            "You are signed in on your device",
            "You can close this page and go back to it.",
        ),
        (Ok(()), false) => {
            pages::message(world, 200, "Denied", "The application was told that you said no.")
        }
        (Err(_), _) => {
            pages::message(world, 400, "Too late", "The code has expired or was used before.")
        }
    }
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "openid" => "Know who you are",
        "profile" => "Read your name",
        "email" => "Read your e-mail address",
        "groups" => "Read your groups",
        "offline_access" => "Stay signed in",
        other if other.ends_with(":read") => "Read on your behalf",
        other if other.ends_with(":write") => "Write on your behalf",
        _ => "Act on your behalf",
    }
}
