//! The window, driven as WebDriver has it (W3C), by plain HTTP to WebKitWebDriver: looks, clicks,
//! waits. Decides nothing about what should be seen.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::desk;
use crate::http;
use crate::memory;
use crate::wait::{until, within};
use crate::world::{Process, World};

/// What WebDriver calls an element in its JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

#[derive(Debug)]
pub(crate) struct Driver {
    at: String,
    pub(crate) process: Process,
}

impl Driver {
    /// Opens the window; `variables` are the program's beyond the world's.
    pub(crate) fn open(world: &World, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = world.command("WebKitWebDriver");
        command.arg(format!("--port={port}")).env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.envs(variables.iter().copied());
        let process = Process::spawn("WebKitWebDriver", &mut command);
        let host = format!("http://127.0.0.1:{port}");
        until("WebDriver", || http::request(&format!("{host}/status"), "GET", "").ok());
        let options = json!({ "binary": desk::program(), "args": args });
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}});
        let session = call(&format!("{host}/session"), "POST", &wanted).unwrap();
        let id = session["sessionId"].as_str().unwrap();
        Self { at: format!("{host}/session/{id}"), process }
    }

    /// Runs `body` in the page and gives what it returns; a promise is waited for.
    pub(crate) fn run(&self, body: &str) -> Value {
        self.try_run(body).unwrap_or_else(|why| panic!("{why}\nin the page: {body}"))
    }

    pub(crate) fn try_run(&self, body: &str) -> Result<Value, String> {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {{ {body} }})().then((it) => done({{ it }}), (e) => done({{ failed: e && e.error ? e : String(e) }}));"
        );
        let answer = self.ask("execute/async", &json!({ "script": script, "args": [] }))?;
        match answer.get("failed") {
            None => Ok(answer["it"].clone()),
            Some(failed) => Err(failed.to_string()),
        }
    }

    /// Asks the program as the page does.
    pub(crate) fn invoke(&self, name: &str, args: &Value) -> Result<Value, String> {
        self.try_run(&format!("return await window.__TAURI__.core.invoke('{name}', {args});"))
    }

    /// The text that is seen there, where it is seen.
    pub(crate) fn text(&self, selector: &str) -> Option<String> {
        let body = format!(
            "const it = [...document.querySelectorAll({selector:?})].find((e) => e.checkVisibility()); return it ? it.innerText : null;"
        );
        self.run(&body).as_str().map(str::to_owned)
    }

    pub(crate) fn wait_for(&self, selector: &str) -> String {
        within(crate::wait::PATIENCE, || self.text(selector)).unwrap_or_else(|| {
            panic!("`{selector}` is not seen in:\n{}", self.page_text());
        })
    }

    pub(crate) fn wait_until_gone(&self, selector: &str) {
        until(&format!("`{selector}` to go"), || self.text(selector).is_none().then_some(()));
    }

    pub(crate) fn page_text(&self) -> String {
        self.run("return location.href + '\\n' + document.body.innerText;")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// As a person does: it has to be seen, and nothing may lie over it.
    pub(crate) fn click(&self, selector: &str) {
        self.wait_for(selector);
        let clicked = within(crate::wait::PATIENCE, || self.try_click(selector).ok());
        assert!(clicked.is_some(), "`{selector}` cannot be clicked in:\n{}", self.page_text());
    }

    fn try_click(&self, selector: &str) -> Result<(), String> {
        let find = format!(
            "return [...document.querySelectorAll({selector:?})].find((e) => e.checkVisibility());"
        );
        let element = self.ask("execute/sync", &json!({ "script": find, "args": [] }))?;
        let id = element[ELEMENT].as_str().ok_or("it is not there")?;
        self.ask(&format!("element/{id}/click"), &json!({})).map(drop)
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("url", &json!({ "url": url })).unwrap();
    }

    /// By its tab, as a person does.
    pub(crate) fn view(&self, name: &str) {
        self.run(&format!("location.hash = '#/{name}';"));
        self.wait_for(&format!("main section[data-view={name:?}]"));
    }

    /// The page itself gets this size.
    pub(crate) fn resize(&self, width: u64, height: u64) {
        let inner = || self.run("return [innerWidth, innerHeight];");
        let (mut wide, mut high) = (width, height);
        for _ in 0..4 {
            self.ask("window/rect", &json!({ "width": wide, "height": high })).unwrap();
            let reached = within(std::time::Duration::from_secs(2), || {
                (inner() == json!([width, height])).then_some(())
            });
            if reached.is_some() {
                return;
            }
            let now = inner();
            wide = wide + width - now[0].as_u64().unwrap().min(width);
            high = high + height - now[1].as_u64().unwrap().min(height);
        }
        panic!("{width}x{height} was asked for, and the page has {}", inner());
    }

    /// Until nothing in the page is on its way.
    pub(crate) fn rest(&self) {
        until("a page at rest", || {
            let busy = self.run("return document.querySelectorAll('[aria-busy=true]').length;");
            (busy == 0).then_some(())
        });
        self.run(
            "await document.fonts.ready; await Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => 0)));\
             await new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)));",
        );
    }

    /// A library for the tests, which the page's own policy would not let in as a script of the page.
    pub(crate) fn load(&self, library: &str) {
        self.ask("execute/sync", &json!({ "script": library, "args": [] })).unwrap();
    }

    fn ask(&self, route: &str, body: &Value) -> Result<Value, String> {
        call(&format!("{}/{route}", self.at), "POST", body)
    }

    /// Ends the session, and with it the window and all its processes.
    pub(crate) fn close(mut self) {
        // An agent, or a sandbox, that was started from the window stays.
        let all = memory::family(self.process.pid());
        let names = ["dagpass-panel", "WebKitWebProcess", "WebKitNetworkProcess"];
        let family: Vec<u32> = names.iter().flat_map(|name| memory::named(name, &all)).collect();
        // The window may be closed already.
        let _closed_by_somebody_else = call(&self.at, "DELETE", &Value::Null);
        let gone = within(crate::wait::PATIENCE, || {
            family.iter().all(|pid| memory::has_ended(*pid)).then_some(())
        });
        let left: Vec<u32> = family.into_iter().filter(|pid| !memory::has_ended(*pid)).collect();
        assert!(gone.is_some(), "still there: {:?}", memory::command_lines(&left));
        self.process.kill();
    }
}

fn call(url: &str, method: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = http::request(url, method, &body).map_err(|error| error.to_string())?;
    let value = reply.json()["value"].clone();
    if reply.status == 200 { Ok(value) } else { Err(value["message"].to_string()) }
}
