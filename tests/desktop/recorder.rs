//! All that passes between the page and the program, written down in the page from before its own
//! script runs: what is asked, what is answered, and each event and message of a channel. Decides
//! nothing; the scan looks through it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::driver::Driver;
use crate::world::World;

/// Tauri hands everything to the page through one map of callbacks, and asks by `fetch`.
const RECORD: &str = r"
    if (window.__heard) return 'twice';
    window.__heard = [];
    const keep = (way, what) => window.__heard.push(way + ' ' + what);
    const { callbacks } = window.__TAURI_INTERNALS__;
    const find = Map.prototype.get;
    callbacks.get = function (id) {
      const found = find.call(this, id);
      return found && ((data) => { keep('in', JSON.stringify(data)); return found(data); });
    };
    const ask = window.fetch.bind(window);
    window.fetch = async (to, options) => {
      keep('out', String(to) + ' ' + (options && options.body));
      const response = await ask(to, options);
      keep('answer', await response.clone().text());
      return response;
    };
    return 'recording';
";

/// Loads the page anew with the recorder in front of its script.
pub(crate) fn record(window: &Driver) {
    let here = window.run("return location.hash;");
    // A file of the program's own that is no page: the same origin, and none of the page's script.
    window.go(&format!("tauri://localhost/{}{}", a_style(), here.as_str().unwrap()));
    assert_eq!(window.run(RECORD), "recording");
    let page = std::fs::read_to_string(ui().join("index.html")).unwrap();
    window.run(&format!(
        "history.replaceState(null, '', '/index.html' + location.hash); document.open(); document.write({}); document.close();",
        Value::String(page)
    ));
}

/// Gives what passed, and what the page keeps, to the world's scan. Fails where nothing was recorded.
pub(crate) fn give(window: &Driver, world: &World) {
    // Something that surely passed both ways has to be found.
    let canary = "https://canary.example/4711-is-recorded";
    window.invoke("qr", &serde_json::json!({ "text": canary })).unwrap();
    let heard = window.run("return window.__heard;");
    let heard: Vec<&str> = heard.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(heard.iter().any(|one| one.starts_with("out ") && one.contains(canary)), "{heard:#?}");
    for way in ["out ", "in ", "answer "] {
        let count = heard.iter().filter(|one| one.starts_with(way)).count();
        assert!(count > 5, "only {count} of `{way}`: {heard:#?}");
    }
    for passed in ["\"signed_in\"", "\"horizons\"", "\"event\":\"issue\""] {
        assert!(heard.iter().any(|one| one.contains(passed)), "no {passed} in {heard:#?}");
    }
    println!("{} messages between page and program were recorded", heard.len());
    world.keep_text("all that passed between page and program", &heard.join("\n"));
    let kept = window.run(
        "return [document.documentElement.outerHTML, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }),\
         document.cookie, location.href, JSON.stringify(await indexedDB.databases()), JSON.stringify(history.state)].join('\\n');",
    );
    world.keep_text("all that the page keeps", kept.as_str().unwrap());
}

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

fn a_style() -> String {
    let mut folders = vec![ui()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "css") {
                return path.strip_prefix(ui()).unwrap().display().to_string();
            }
        }
    }
    panic!("the page has no style of its own");
}
