//! Two issuers whose answers come back to one address.

use super::{PROD, World};

#[tokio::test]
async fn an_issuer_that_does_not_name_itself_is_warned_of_where_another_has_its_callback() {
    let dev = PROD.replace("profile.prod", "profile.dev").replace("auth.", "other.");
    let dev = dev.replace("\"c\"", "\"d\"");
    for (more, named, warned) in
        [("", false, 2), ("redirect-path = \"/callback/dev\"\n", false, 0), ("", true, 0)]
    {
        let mut world = World::offering(|offers| offers.iss_in_callback = named);
        world.text = format!("{PROD}{dev}{more}");
        let wrong = world.wrong().await;
        assert_eq!(wrong.len(), warned, "{wrong:?}");
        for (text, (own, other)) in wrong.iter().zip([("dev", "prod"), ("prod", "dev")]) {
            assert!(text.contains(&format!("profile `{other}` at another issuer")), "{text}");
            let path = format!(
                "register http://127.0.0.1/callback/{own} with any port at Ping, then set `redirect-path = \"/callback/{own}\"` in `[profile.{own}]`"
            );
            assert!(text.starts_with("callback warning: ") && text.contains(&path), "{text}");
        }
    }
}
