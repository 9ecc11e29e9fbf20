use dagpass_core::profile::DevicePkce;
use dagpass_core::request::Obtain;
use dagpass_core::token::{ExpirySource, IdToken, IdentitySource};
use dagpass_sandbox::{
    AccessFormat, DevicePkce as Taken, Endpoint as At, Rfc9207, Rotate, Unrotated,
};

use super::*;

#[tokio::test]
async fn a_browser_sign_in_is_refreshed_and_given_back_on_every_family() {
    for family in Family::ALL {
        let stage = Stage::new(family);
        let offers = stage.ping.offers(&stage.profile).await.unwrap();
        assert!(offers.authorization_code && offers.device_code && offers.revocation);
        assert_eq!(offers.issuer, stage.sandbox.issuer());

        let set = stage.browser("alice").await.unwrap();
        let who = set.identity.clone().unwrap();
        assert_eq!((who.subject.sub.as_str(), who.source), ("alice", IdentitySource::IdToken));
        let names = who.group_names();
        assert!(!names.is_empty() && names.iter().all(|name| !name.contains('=')));
        assert_eq!(
            (set.token_type.as_str(), set.expiry_source),
            ("Bearer", ExpirySource::ExpiresIn)
        );
        assert_eq!(set.expires_at, set.received_at.plus(Duration::from_secs(3600)));

        let mut session = stage.session(&set);
        let next = stage.refresh(&session).await.unwrap();
        assert_ne!(next.access_token.expose(), set.access_token.expose(), "{family:?}");
        assert!(stage.sandbox.replayed().is_empty(), "{family:?}");
        session.refresh_token = next.refresh_token.or(session.refresh_token);
        let token = session.refresh_token.clone().unwrap();
        let revoked = stage.ping.revoke(&stage.profile, &token, RevokedFor::Good).await.unwrap();
        assert_eq!(revoked, Revocation::Confirmed, "{family:?}");
        let failure = stage.refresh(&session).await.unwrap_err();
        assert!(matches!(failure, TokenFailure::Rejected { .. }), "{family:?} {failure:?}");
        stage.scan(&format!("{set:?} {session:?} {failure:?} {failure} {:?}", stage.ping));
    }
}

#[tokio::test]
async fn a_device_sign_in_waits_for_the_person_on_every_family() {
    for family in Family::ALL {
        let stage = Stage::new(family);
        let verifier = Stage::request().verifier;
        let device = stage.ask_device(Some(&verifier)).await.unwrap();
        assert!(device.pkce && device.interval == Duration::from_secs(5));
        let pending = stage.poll(&device.device_code, true).await.unwrap_err();
        assert_eq!(pending, TokenFailure::AuthorizationPending, "{family:?}");
        stage.sandbox.approve_device(&device.user_code, "bob").unwrap();
        let set = stage.poll(&device.device_code, true).await.unwrap();
        let who = set.identity.unwrap();
        assert_eq!(who.subject.sub, "bob");
        // PingFederate gives no ID token here: userinfo says who it was.
        let source = match family {
            Family::PingFederate => IdentitySource::Userinfo,
            Family::PingOne | Family::PingAm => IdentitySource::IdToken,
        };
        assert_eq!(who.source, source, "{family:?}");
    }
}

#[tokio::test]
async fn a_refused_and_an_expired_device_code_stop() {
    let stage = Stage::new(Family::PingAm);
    let device = stage.ask_device(None).await.unwrap();
    assert!(!device.pkce);
    stage.sandbox.deny_device(&device.user_code).unwrap();
    let failure = stage.poll(&device.device_code, false).await.unwrap_err();
    assert!(matches!(failure, TokenFailure::AccessDenied { .. }), "{failure:?}");
    let device = stage.ask_device(None).await.unwrap();
    stage.sandbox.advance(Duration::from_secs(601));
    let failure = stage.poll(&device.device_code, false).await.unwrap_err();
    assert_eq!(failure, TokenFailure::ExpiredToken);
}

#[tokio::test]
async fn a_server_that_refuses_pkce_on_the_device_grant_is_asked_again_without() {
    let table = [
        (Taken::Optional, DevicePkce::Auto, Some(true)),
        (Taken::Required, DevicePkce::Auto, Some(true)),
        (Taken::Refused, DevicePkce::Auto, Some(false)),
        (Taken::Refused, DevicePkce::On, None),
        (Taken::Refused, DevicePkce::Off, Some(false)),
        (Taken::Required, DevicePkce::Off, None),
    ];
    for (taken, wanted, expected) in table {
        let mut stage = Stage::new(Family::PingOne);
        stage.sandbox.quirks(|quirks| quirks.device_pkce = taken);
        stage.profile.device_pkce = wanted;
        let verifier = Stage::request().verifier;
        let device = stage.ask_device(Some(&verifier)).await;
        let pkce = device.as_ref().ok().map(|device| device.pkce);
        assert_eq!(pkce, expected, "{taken:?} {wanted:?} {device:?}");
        if expected.is_some() {
            assert!(stage.device("alice").await.is_ok(), "{taken:?} {wanted:?}");
        }
    }
}

#[tokio::test]
async fn a_foreign_verification_page_is_refused_until_the_profile_names_its_host() {
    let mut stage = Stage::new(Family::PingOne);
    let short = "https://acme.co/go".to_owned();
    stage.sandbox.quirks(|quirks| quirks.custom_verification_uri = Some(short.clone()));
    let failure = stage.ask_device(None).await.unwrap_err();
    assert!(failure.to_string().contains("verification-hosts"), "{failure}");
    stage.profile.verification_hosts = vec!["acme.co".into()];
    let device = stage.ask_device(None).await.unwrap();
    assert_eq!((device.verification_uri, device.verification_uri_complete), (short, None));
}

#[tokio::test]
async fn the_older_spelling_of_the_verification_uri_is_read() {
    let stage = Stage::new(Family::PingAm);
    stage.sandbox.quirks(|quirks| quirks.legacy_field = true);
    let device = stage.ask_device(None).await.unwrap();
    assert!(device.verification_uri.starts_with("http://127.0.0.1"));
}

#[tokio::test]
async fn a_pushed_request_leaves_only_its_name_in_the_url() {
    let stage = Stage::new(Family::PingOne);
    let plain = stage.ping.authorize(&stage.profile, &Stage::request()).await.unwrap();
    assert_eq!(plain.ends, None, "it tells all itself, however late");
    let stage = Stage::new(Family::PingOne);
    stage.sandbox.quirks(|quirks| (quirks.require_par, quirks.par_ttl) = (true, 90));
    assert!(stage.ping.offers(&stage.profile).await.unwrap().pushes);
    let pushed = stage.ping.authorize(&stage.profile, &Stage::request()).await.unwrap();
    assert_eq!(pushed.ends, Some(stage.clock.now().plus(Duration::from_secs(90))));
    let url = url::Url::parse(&pushed.url).unwrap();
    let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    assert!(stage.browser("alice").await.is_ok());
}

#[tokio::test]
async fn an_issuer_with_port_443_is_a_string_and_not_a_url() {
    let mut stage = Stage::new(Family::PingAm);
    let document = document_url(&stage.sandbox.issuer());
    let issuer = "https://am.example.com:443/am/oauth2/alpha";
    stage.sandbox.quirks(|quirks| quirks.issuer = Some(issuer.to_owned()));
    stage.profile.endpoints.discovery = Some(document);
    stage.profile.issuer = dagpass_core::profile::Issuer::new(issuer);
    let who = stage.browser("alice").await.unwrap().identity.unwrap();
    assert_eq!(who.subject.iss, issuer);

    stage.profile.issuer = dagpass_core::profile::Issuer::new(issuer.replace(":443", ""));
    let failure = stage.browser("alice").await.unwrap_err();
    assert!(matches!(failure, TokenFailure::Misconfigured { .. }), "{failure:?}");
}

#[tokio::test]
async fn an_endpoint_the_metadata_leaves_out_comes_from_the_profile() {
    let mut stage = Stage::new(Family::PingFederate);
    let left_out = ["device_authorization_endpoint", "revocation_endpoint"];
    stage.sandbox.quirks(|quirks| quirks.omit_metadata = left_out.map(str::to_owned).to_vec());
    let offers = stage.ping.offers(&stage.profile).await.unwrap();
    assert!(!offers.device_code && !offers.revocation);
    let set = stage.browser("alice").await.unwrap();
    let token = set.refresh_token.unwrap();
    let revoked = stage.ping.revoke(&stage.profile, &token, RevokedFor::Good).await.unwrap();
    assert_eq!(revoked, Revocation::Unsupported);
    let at = Some(stage.sandbox.url(At::DeviceAuthorization));
    stage.profile.endpoints.device_authorization = at;
    assert!(stage.device("alice").await.is_ok());
}

#[tokio::test]
async fn a_token_that_tells_nothing_is_believed_for_five_minutes() {
    let stage = Stage::new(Family::PingFederate);
    stage.sandbox.quirks(|quirks| {
        quirks.at_format = AccessFormat::Reference;
        quirks.omit_expires_in = true;
    });
    let set = stage.browser("alice").await.unwrap();
    assert_eq!(set.expiry_source, ExpirySource::Assumed);
    assert_eq!(set.expires_at, set.received_at.plus(Duration::from_secs(300)));
    assert_eq!(set.audience, None);
}

#[tokio::test]
async fn an_empty_or_absent_refresh_token_means_keep_yours() {
    for unrotated in [Unrotated::Absent, Unrotated::Empty] {
        let stage = Stage::new(Family::PingFederate);
        stage.sandbox.quirks(|quirks| {
            quirks.rotate = Rotate::Never;
            quirks.unrotated = unrotated;
        });
        let set = stage.browser("alice").await.unwrap();
        let next = stage.refresh(&stage.session(&set)).await.unwrap();
        assert!(next.refresh_token.is_none(), "{unrotated:?}");
    }
}

#[tokio::test]
async fn a_target_narrows_the_scope_and_names_its_resource_only_where_it_has_one() {
    let mut stage = Stage::new(Family::PingFederate);
    stage.profile.token_params =
        [("access_token_manager_id".to_owned(), "airflow".to_owned())].into();
    let set = stage.browser("alice").await.unwrap();
    let session = stage.session(&set);
    let mut target = Target { scopes: Some(Scopes::parse("api:read")), ..Target::default() };
    let narrow = stage.refresh_for(&session, &target).await.unwrap();
    assert_eq!(narrow.scope, Some(Scopes::parse("api:read")));
    target.resource = Some("https://api.example".to_owned());
    target.obtain = Obtain::Exchange;
    let grant = Grant::TokenExchange { subject_token: &set.access_token, target: &target };
    let exchanged = stage.redeem(grant).await.unwrap();
    assert_eq!(exchanged.identity, None);
    assert!(exchanged.refresh_token.is_none());

    let log = stage.sandbox.log();
    let asked: Vec<_> = log.iter().filter(|entry| entry.endpoint == At::Token).collect();
    assert!(asked.iter().all(|entry| entry.params.iter().any(|p| p == "access_token_manager_id")));
    assert_eq!(asked[1].resource, None);
    assert_eq!(asked[2].resource.as_deref(), Some("https://api.example"));
}

#[tokio::test]
async fn discovery_before_there_is_a_profile_takes_an_issuer_or_a_document() {
    let stage = Stage::new(Family::PingOne);
    let issuer = stage.sandbox.issuer();
    for url in [issuer.clone(), document_url(&issuer)] {
        let ask = DiscoverAsk { url, ..DiscoverAsk::default() };
        let reply = stage.ping.discover(&ask).await.unwrap();
        assert_eq!((reply.issuer.as_str(), reply.device_code), (issuer.as_str(), true));
        assert_eq!((reply.discovery, reply.own_callback), (None, false), "it promises `iss`");
    }
    stage.sandbox.quirks(|quirks| quirks.rfc9207 = Rfc9207::Absent);
    let elsewhere = format!("{}?policy_id=desk", document_url(&issuer));
    let ask = DiscoverAsk { url: elsewhere.clone(), ..DiscoverAsk::default() };
    let reply = stage.ping.discover(&ask).await.unwrap();
    assert_eq!(reply.discovery, Some(elsewhere), "not where its issuer has it");
    assert!(reply.own_callback);
    let url = stage.ping.end_session_url(&stage.profile, None).await.unwrap();
    assert!(url.is_none_or(|url| url.contains("client_id=") && !url.contains("hint")));
    let hint = IdToken::new("h.i.nt");
    let url = stage.ping.end_session_url(&stage.profile, Some(&hint)).await.unwrap();
    assert!(url.is_none_or(|url| url.ends_with("&id_token_hint=h.i.nt")));
}

#[tokio::test]
async fn the_document_is_read_once_an_hour_and_anew_for_a_sign_in() {
    let stage = Stage::new(Family::PingOne);
    let readings = || {
        let log = stage.sandbox.log();
        log.iter().filter(|entry| entry.endpoint == At::Discovery).count()
    };
    stage.ping.offers(&stage.profile).await.unwrap();
    stage.ping.end_session_url(&stage.profile, None).await.unwrap();
    assert_eq!(readings(), 1);
    stage.clock.jump(60);
    stage.ping.end_session_url(&stage.profile, None).await.unwrap();
    assert_eq!(readings(), 1);
    stage.ping.offers(&stage.profile).await.unwrap();
    assert_eq!(readings(), 2);
    stage.clock.jump(3_600);
    stage.ping.end_session_url(&stage.profile, None).await.unwrap();
    assert_eq!(readings(), 3);
    // A clock that was set back does not make the document eternal.
    stage.clock.jump(-7_200);
    stage.ping.end_session_url(&stage.profile, None).await.unwrap();
    assert_eq!(readings(), 4);
}
