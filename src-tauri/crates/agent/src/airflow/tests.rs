//! The adapter on a loopback server: what it sends, what each answer means, what it will not follow.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use dagpass_core::deployment::{AssertionKind, Deployment, JwtBearerFailure};
use dagpass_core::fakes::FakeClock;
use dagpass_core::ports::{AirflowServer as _, Revocation};
use dagpass_core::profile::Profile;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{AccessToken, Assertion, ExpirySource, TokenSet};
use zeroize::Zeroizing;

use super::Airflow;
use crate::http::Answer;

const NOW: i64 = 1_000_000;
/// Claims `{"aud":"apache-airflow","exp":1000900}`.
const JWT: &str = "e30.eyJhdWQiOiJhcGFjaGUtYWlyZmxvdyIsImV4cCI6MTAwMDkwMH0.c2lnbmF0dXJlLWNhbmFyeQ";
/// Claims `{"exp":1000300}`.
const PING: &str = "e30.eyJleHAiOjEwMDAzMDB9.YXNzZXJ0aW9uLWNhbmFyeQ";

pub(super) fn answer(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        from: "airflow".into(),
        status,
        content_type: content_type.into(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
        retry_after: None,
        correlation: None,
        challenge: None,
        received_at: Timestamp::from_secs(NOW),
        clock_skew: None,
    }
}

fn reply(status: u16, more: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n");
    format!("{head}{more}\r\n{body}")
}

fn json(status: u16, body: &str) -> String {
    reply(status, "Content-Type: application/json\r\n", body)
}

/// A deployment under a path, which gives these answers in turn and tells what it was sent.
struct Server {
    deployment: Deployment,
    profile: Profile,
    airflow: Airflow,
    heard: mpsc::Receiver<String>,
}

impl Server {
    fn giving(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/af", listener.local_addr().unwrap());
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                tell.send(request(&mut stream)).unwrap();
                // A client that has seen enough hangs up; that is its right.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self {
            deployment: Deployment {
                name: "af".into(),
                url,
                assertion: AssertionKind::AccessToken,
            },
            profile: Profile::new("prod", "https://idp.example", "agent"),
            airflow: Airflow::new(FakeClock::at(NOW)),
            heard,
        }
    }

    async fn grant(&self, assertion: &str) -> Result<TokenSet, JwtBearerFailure> {
        let assertion = Assertion::new(assertion);
        self.airflow.jwt_bearer(&self.profile, &self.deployment, &assertion).await
    }

    async fn log_out(&self) -> Revocation {
        let jwt = AccessToken::new(JWT);
        self.airflow.log_out(&self.profile, &self.deployment, &jwt).await
    }
}

fn request(stream: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length || count == 0 {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

async fn granted(answer: String, assertion: &str) -> Result<TokenSet, JwtBearerFailure> {
    Server::giving(vec![answer]).grant(assertion).await
}

#[tokio::test]
async fn a_look_tells_the_grant_from_passwords_and_from_silence() {
    let fab = r#"{"detail":"Username and password must be provided"}"#;
    let table = [
        (
            json(
                400,
                r#"{"error":"invalid_request","error_description":"`assertion` is missing"}"#,
            ),
            "JwtBearer",
        ),
        (json(400, r#"{"error":"unsupported_grant_type"}"#), "NoJwtBearer"),
        (json(400, fab), "NoJwtBearer"),
        (json(422, r#"{"detail":[]}"#), "NoJwtBearer"),
        (json(404, r#"{"detail":"Not Found"}"#), "NoJwtBearer"),
        (json(201, &format!(r#"{{"access_token":"{JWT}"}}"#)), "NoJwtBearer"),
        (json(503, "{}"), "Away"),
        (reply(302, "Location: /login\r\n", ""), "Away"),
        (reply(200, "Content-Type: text/html\r\n", "<html>"), "Away"),
    ];
    for (answer, expected) in table {
        let server = Server::giving(vec![answer.clone()]);
        let seen = server.airflow.reach(&server.profile.network, &server.deployment.url).await;
        let seen = format!("{seen:?}");
        assert!(seen.starts_with(expected) && !seen.contains(JWT), "{answer}\n{seen}");
        assert!(!server.heard.recv().unwrap().contains("assertion\":"), "nobody's token is sent");
    }
}

#[tokio::test]
async fn the_jwt_bearer_grant_goes_to_auth_token_as_json() {
    let server = Server::giving(vec![json(201, &format!(r#"{{"access_token":"{JWT}"}}"#))]);
    let set = server.grant(PING).await.unwrap();
    let sent = server.heard.recv().unwrap();
    assert!(sent.starts_with("POST /af/auth/token HTTP/1.1\r\n"), "{sent}");
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(body, serde_json::json!({ "grant_type": grant, "assertion": PING }));
    assert_eq!(set.access_token.expose(), JWT);
    assert_eq!(set.audience.as_deref(), Some(&["apache-airflow".to_owned()][..]));
    assert_eq!(set.given_for, Some(Assertion::new(PING).fingerprint()));
}

#[tokio::test]
async fn a_jwt_ends_when_answer_claim_or_assertion_say_so() {
    let told = |life: &str, jwt: &str| json(201, &format!(r#"{{"access_token":"{jwt}"{life}}}"#));
    for (answer, assertion, end, source) in [
        (told(r#","expires_in":600"#, JWT), PING, 600, ExpirySource::ExpiresIn),
        (told(r#","expires_in":"600""#, "opaque"), PING, 600, ExpirySource::ExpiresIn),
        (told(r#","expires_in":3600"#, JWT), PING, 900, ExpirySource::ExpClaim),
        (told("", JWT), PING, 900, ExpirySource::ExpClaim),
        (told("", "opaque"), PING, 300, ExpirySource::Assumed),
        (told("", "opaque"), "opaque-too", 3600, ExpirySource::Assumed),
    ] {
        let set = granted(answer.clone(), assertion).await.unwrap();
        let got = (set.expires_at.as_secs() - NOW, set.expiry_source);
        assert_eq!(got, (end, source), "{answer}");
    }
}

/// The failure in one word.
fn kind(outcome: &Result<TokenSet, JwtBearerFailure>) -> &'static str {
    match outcome {
        Ok(_) => "granted",
        Err(JwtBearerFailure::Unreachable { .. }) => "unreachable",
        Err(JwtBearerFailure::NoIdToken) => "no id token",
        Err(JwtBearerFailure::NoSuchGrant { .. }) => "no such grant",
        Err(JwtBearerFailure::SignInTooOld { max_age: Some(_), .. }) => "too old, with age",
        Err(JwtBearerFailure::SignInTooOld { max_age: None, .. }) => "too old",
        Err(JwtBearerFailure::AccessDenied { .. }) => "denied",
        Err(JwtBearerFailure::Rejected { .. }) => "rejected",
        Err(JwtBearerFailure::Misconfigured { .. }) => "misconfigured",
    }
}

#[tokio::test]
async fn a_refusal_is_read_however_it_is_dressed() {
    const STEP_UP: &str = "insufficient_user_authentication";
    let plain = |error: &str| format!(r#"{{"error":"{error}","error_description":"why"}}"#);
    let challenge = format!(
        "Content-Type: application/json\r\nWWW-Authenticate: Bearer error=\"{STEP_UP}\", max_age=43200\r\n"
    );
    let spoken = |detail: &str| format!(r#"{{"detail":"{detail}"}}"#);
    let page = |status: u16| reply(status, "Content-Type: text/html\r\n", "<html>welcome</html>");
    let moved = |status: u16| reply(status, "Location: http://127.0.0.1:1/auth/token\r\n", "");
    for (answer, expected) in [
        (json(400, &plain("invalid_grant")), "rejected"),
        (json(400, &format!(r#"{{"detail":{}}}"#, plain("invalid_grant"))), "rejected"),
        (json(400, &spoken("invalid_grant: the audience does not fit")), "rejected"),
        (json(403, &plain("access_denied")), "denied"),
        (json(403, &spoken("access_denied: no mapped group")), "denied"),
        (json(401, &plain(STEP_UP)), "too old"),
        (reply(401, &challenge, &plain(STEP_UP)), "too old, with age"),
        (reply(401, &challenge, "{}"), "too old, with age"),
        (json(400, &plain("invalid_request")), "misconfigured"),
        (json(400, &plain("unsupported_grant_type")), "no such grant"),
        (json(400, &spoken("Username and password must be provided")), "no such grant"),
        (json(422, r#"{"detail":[{"loc":["body","username"],"msg":"missing"}]}"#), "no such grant"),
        (json(404, &spoken("Not Found")), "no such grant"),
        (json(405, &spoken("Method Not Allowed")), "no such grant"),
        (page(404), "no such grant"),
        (json(401, &spoken("Invalid credentials")), "misconfigured"),
        (json(500, &spoken("Internal Server Error")), "unreachable"),
        (json(503, &plain("temporarily_unavailable")), "unreachable"),
        (json(429, "{}"), "unreachable"),
        (page(200), "unreachable"),
        (page(403), "unreachable"),
        (page(502), "unreachable"),
        (moved(302), "unreachable"),
        (moved(308), "unreachable"),
        (json(201, "{}"), "unreachable"),
        (json(201, r#"{"access_token":"a\nb"}"#), "unreachable"),
        (json(201, r#"{"access_token":"half"#), "unreachable"),
        (String::new(), "unreachable"),
    ] {
        let outcome = granted(answer.clone(), PING).await;
        assert_eq!(kind(&outcome), expected, "{answer}\n{outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let endless = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(1100 * 1024));
    assert_eq!(kind(&granted(json(201, &endless), PING).await), "unreachable");
}

#[tokio::test]
async fn what_was_sent_is_never_repeated() {
    for body in [
        format!(r#"{{"error":"invalid_grant","error_description":"bad {PING}"}}"#),
        format!(r#"{{"detail":"no {PING} please"}}"#),
    ] {
        let failure = granted(json(400, &body), PING).await.unwrap_err();
        let said = format!("{failure} {failure:?}");
        assert!(said.contains("[removed]") && !said.contains(PING), "{said}");
    }
}

#[tokio::test]
async fn a_logout_is_confirmed_by_the_refusal_of_the_jwt() {
    let moved = || reply(307, "Location: http://127.0.0.1:1/login\r\n", "");
    let refused = || json(403, r#"{"detail":"Invalid JWT token"}"#);
    let served = || json(200, r#"{"dags":[]}"#);
    for (answers, expected) in [
        (vec![moved(), refused()], Revocation::Confirmed),
        (vec![moved(), served()], Revocation::Unsupported),
        (vec![moved()], Revocation::Unconfirmed),
        (vec![json(404, "{}")], Revocation::Unsupported),
        (vec![json(500, "{}")], Revocation::Unconfirmed),
        (vec![], Revocation::Pending),
    ] {
        let server = Server::giving(answers);
        // Where nothing is left to say the listener closes; a moment, so that it has.
        let ended = std::time::Instant::now();
        while expected == Revocation::Pending && ended.elapsed() < Duration::from_secs(5) {
            let place = server.deployment.url.trim_start_matches("http://");
            if std::net::TcpStream::connect(place.trim_end_matches("/af")).is_err() {
                break;
            }
        }
        assert_eq!(server.log_out().await, expected);
        if let Ok(sent) = server.heard.recv() {
            assert!(sent.starts_with("GET /af/api/v2/auth/logout HTTP/1.1\r\n"), "{sent}");
            let bearer = format!("authorization: bearer {}", JWT.to_lowercase());
            assert!(sent.to_lowercase().contains(&bearer), "{sent}");
        }
    }
}
