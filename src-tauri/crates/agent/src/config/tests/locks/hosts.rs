//! Where connections may go, where hosts are listed.

use super::{MACHINE, locking, told};

#[test]
fn connections_and_deployments_go_where_the_list_says() {
    let machines = locking(&["connection-hosts"]);
    let is_at_none =
        |address: &str| format!("`{address}` is at none of the hosts that {MACHINE} lists");
    let connection = "[connection.w]\nconn-type = \"http\"\n";
    for (text, expected) in [
        (format!("{connection}host = \"https://a.lake.example:8443/x\""), None),
        (format!("{connection}host = \"A.Lake.Example\""), None),
        (format!("{connection}host = \"a.lake.example, warehouse.corp.example\""), None),
        (format!("{connection}host = \"evil.example\""), Some(format!("3:8 connection.w.host: {}", is_at_none("evil.example")))),
        (
            format!("{connection}host = \"a.lake.example,evil.example\""),
            Some(format!("3:8 connection.w.host: {}", is_at_none("a.lake.example,evil.example"))),
        ),
        (
            format!("{connection}host = \"warehouse.corp.example@evil.example\""),
            Some(format!("3:8 connection.w.host: {}", is_at_none("warehouse.corp.example@evil.example"))),
        ),
        (
            "[connection.warehouse]\nhost = \"evil.example\"".to_owned(),
            Some(format!("2:8 connection.warehouse.host: {}", is_at_none("evil.example"))),
        ),
        (
            connection.to_owned(),
            Some(format!("1:1 connection.w.host: has no host, and {MACHINE} lists those there may be")),
        ),
        (
            format!("{connection}host = \"a.lake.example\"\nschema = \"https://evil.example/?\""),
            Some("4:10 connection.w.schema: may name a host, and hosts are listed in `connection-hosts`".to_owned()),
        ),
        (
            format!("{connection}host = \"a.lake.example\"\nextra = {{ proxies = [{{ https = \"http://evil.example\" }}] }}"),
            Some(format!("4:9 connection.w.extra.https: {}", is_at_none("http://evil.example"))),
        ),
        (
            format!("{connection}host = \"a.lake.example\"\nextra = {{ Host = \"evil.example\" }}"),
            Some(format!("4:9 connection.w.extra.Host: {}", is_at_none("evil.example"))),
        ),
        (
            "[airflow.own]\nurl = \"https://evil.example\"".to_owned(),
            Some(format!("2:7 airflow.own.url: {}", is_at_none("https://evil.example"))),
        ),
        (
            "[upstream.own]\nurl = \"https://evil.example\"".to_owned(),
            Some(format!("2:7 upstream.own.url: {}", is_at_none("https://evil.example"))),
        ),
        ("[upstream.own]\nurl = \"https://a.lake.example/api\"".to_owned(), None),
        (
            "[env.dev.connection.warehouse]\nhost = \"evil.example\"".to_owned(),
            Some(format!("2:8 env.dev.connection.warehouse.host: {}", is_at_none("evil.example"))),
        ),
    ] {
        assert_eq!(told(&text, &machines), Vec::from_iter(expected), "{text}");
    }
}
