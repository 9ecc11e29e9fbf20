//! Fact: the page can ask for our own commands and nothing else; nothing leads out of it, and no text
//! ever becomes a program.

use serde_json::json;

use crate::desk::Desk;

#[test]
fn the_page_has_no_way_out() {
    let desk = Desk::set();
    let window = desk.window("doctor");
    window.wait_for("main");
    for command in [
        "plugin:window|close",
        "plugin:webview|create_webview_window",
        "plugin:event|emit",
        "plugin:path|resolve_directory",
        "plugin:app|version",
        "token",
        "",
    ] {
        let refused = window.invoke(command, &json!({})).unwrap_err();
        let no = refused.contains("not allowed") || refused.contains("not found");
        assert!(no, "{command}: {refused}");
    }
    let eval = window.try_run("return (0, eval)('1');").unwrap_err();
    assert!(eval.contains("EvalError"), "{eval}");
    let to_the_agent = format!("return (await fetch('{}')).status;", desk.scene.idp.issuer);
    let fetched = window.try_run(&to_the_agent).unwrap_err();
    assert!(!fetched.is_empty());
    let seen = desk.scene.idp.calls("method=GET").len();

    let here = window.run("return location.href;");
    window.run(&format!("location.href = '{}';", desk.scene.idp.issuer));
    assert_eq!(window.run("return location.href;"), here);
    let opened = window.run(&format!("return window.open('{}') === null;", desk.scene.idp.issuer));
    assert_eq!(opened, true, "a window was opened");
    assert_eq!(window.run("return location.href;"), here);
    assert_eq!(desk.screen.panels().len(), 1);
    assert_eq!(desk.scene.idp.calls("method=GET").len(), seen, "the page reached a server");

    let long = "x".repeat(4097);
    assert!(window.invoke("copy", &json!({ "text": long })).unwrap_err().contains("too long"));
    let page = window.invoke("open_sign_in_page", &json!({ "profile": "prod" }));
    assert!(page.unwrap_err().contains("no sign-in of this profile"));
    window.close();
    desk.scene.world.close();
}
