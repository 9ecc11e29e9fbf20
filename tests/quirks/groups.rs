//! Groups: one list of names out of every shape, and as of which moment.

use dagpass_core::ports::SignInServer;
use dagpass_core::profile::Scopes;
use dagpass_sandbox::{Endpoint, Family, GroupsShape, RefreshAttributes};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn groups_are_names_in_every_shape_that_ping_sends() {
    let table = [
        (GroupsShape::Absent, "alice", 0),
        (GroupsShape::Array, "carol", 0),
        (GroupsShape::Array, "alice", 2),
        (GroupsShape::String, "bob", 1),
        (GroupsShape::String, "alice", 2),
        (GroupsShape::CommaString, "alice", 2),
        (GroupsShape::Dn, "alice", 2),
        (GroupsShape::Many, "alice", 202),
    ];
    for (shape, name, count) in table {
        let stage = Stage::with(Family::PingFederate, |quirks| quirks.groups_shape = shape);
        stage.browser(name).await.unwrap();
        let groups = stage.groups();
        assert_eq!(groups.len(), count, "{shape:?} {name}: {groups:?}");
        let first = if name == "bob" { "AF-Viewers" } else { "AF-Admins" };
        assert!(groups.first().is_none_or(|group| group == first), "{shape:?} {groups:?}");
        stage.lives_on().await;
        assert_eq!(stage.groups(), groups, "{shape:?}: the same after a refresh");
    }
}

#[tokio::test]
async fn a_group_gained_after_the_sign_in_shows_when_ping_says_so_or_after_the_next_one() {
    let table = [
        (RefreshAttributes::Stored, vec!["AF-Admins", "Data"]),
        (RefreshAttributes::Live, vec!["AF-Viewers"]),
    ];
    for (attributes, after_refresh) in table {
        let stage = Stage::with(Family::PingOne, |quirks| quirks.refresh_attrs = attributes);
        stage.browser("alice").await.unwrap();
        stage.sandbox.set_groups("alice", &["AF-Viewers"]);
        assert_eq!(stage.groups(), ["AF-Admins", "Data"], "as of the sign-in");
        let since = stage.active().stored.signed_in_at;
        stage.lives_on().await;
        assert_eq!(stage.groups(), after_refresh, "{attributes:?}");
        assert_eq!(stage.active().stored.signed_in_at, since, "which is what `status` dates it by");
        stage.browser("alice").await.unwrap();
        assert_eq!(stage.groups(), ["AF-Viewers"]);
        assert!(stage.active().stored.signed_in_at > since);
    }
}

#[tokio::test]
async fn a_grant_without_id_tokens_keeps_its_groups_until_the_next_sign_in() {
    let mut stage = Stage::with(Family::PingFederate, |quirks| {
        quirks.refresh_attrs = RefreshAttributes::Live;
    });
    stage.profile(|profile| profile.scopes = Scopes::parse("openid groups api:read"));
    stage.device("alice").await.unwrap();
    stage.sandbox.set_groups("alice", &["AF-Viewers"]);
    stage.lives_on().await;
    assert_eq!(stage.groups(), ["AF-Admins", "Data"]);
    assert_eq!(stage.at_endpoint(Endpoint::Userinfo).len(), 1, "asked at the sign-in alone");
    stage.device("alice").await.unwrap();
    assert_eq!(stage.groups(), ["AF-Viewers"]);
}

#[tokio::test]
async fn groups_that_are_none_any_more_are_cleared() {
    let stage = Stage::new(Family::PingOne);
    stage.browser("alice").await.unwrap();
    assert!(!stage.groups().is_empty());
    for (claim, left) in [(json!(null), 2), (json!([]), 0)] {
        stage.sandbox.quirks(|quirks| {
            quirks.id_token_claims.insert("groups".to_owned(), claim.clone());
        });
        stage.lives_on().await;
        assert_eq!(stage.groups().len(), left, "{claim}");
    }
}

#[tokio::test]
async fn a_groups_claim_of_another_spelling_is_told_of_and_not_taken() {
    let mut stage = Stage::with(Family::PingFederate, |quirks| {
        quirks.groups_claim = "memberOf".to_owned();
        quirks.omit_metadata = vec!["claims_supported".to_owned()];
    });
    stage.profile(|profile| profile.groups_claim = "memberof".to_owned());
    stage.browser("alice").await.unwrap();
    assert_eq!(stage.groups(), [""; 0]);
    let offers = stage.ping.offers(&stage.profile).await.unwrap();
    assert_eq!(offers.near_groups_claim.as_deref(), Some("memberOf"));
    stage.profile(|profile| profile.groups_claim = "memberOf".to_owned());
    stage.browser("alice").await.unwrap();
    assert_eq!(stage.groups().len(), 2);
    let offers = stage.ping.offers(&stage.profile).await.unwrap();
    assert_eq!(offers.near_groups_claim, None);
}
