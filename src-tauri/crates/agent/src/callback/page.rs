//! What the browser shows at the end. One page, nothing from elsewhere, no script, every foreign
//! text escaped.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::sign_in::Verdict;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

/// Everything the listener can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Verdict(Verdict),
    /// The flow has not decided in time; it still may.
    StillWorking,
    /// Where Ping takes it from here.
    SentOn {
        to: HeaderValue,
    },
    /// The address that leads to Ping has led somebody there.
    UsedStart,
    /// Ping has not said in time where to go.
    Slow,
    /// The flow ended while this callback was on its way.
    Over,
    NotFound,
    WrongMethod,
    Malformed,
    TokenInAddress,
}

impl Page {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Verdict(Verdict::SignedIn { .. }) => StatusCode::OK,
            Self::StillWorking => StatusCode::ACCEPTED,
            Self::SentOn { .. } => StatusCode::SEE_OTHER,
            Self::UsedStart => StatusCode::GONE,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Verdict(Verdict::NotThisFlow | Verdict::Failed { .. })
            | Self::Over
            | Self::Malformed
            | Self::TokenInAddress => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn html(&self) -> String {
        let Text { tone, title, what, detail, next } = self.text();
        let title = escaped(&title);
        let what = paragraph("what", &what);
        let detail = paragraph("detail", &detail);
        let next = paragraph("next", next);
        let mark = tone.mark();
        let tone = tone.class();
        let style = STYLE;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>{title} · dagpass</title>\n<style>{style}</style>\n</head>\n\
             <body>\n<main class=\"{tone}\">\n<p class=\"brand\">dagpass</p>\n\
             <div class=\"mark\" aria-hidden=\"true\">{mark}</div>\n<h1>{title}</h1>\n\
             {what}{detail}{next}</main>\n</body>\n</html>\n"
        )
    }

    fn text(&self) -> Text {
        match self {
            Self::Verdict(Verdict::SignedIn { who }) => Text {
                tone: Tone::Good,
                title: "You are signed in".to_owned(),
                what: who.as_ref().map(|who| format!("as {who}")).unwrap_or_default(),
                detail: String::new(),
                next: "You can close this tab. Airflow and your shell get their tokens from now on.",
            },
            Self::Verdict(Verdict::Failed { code, description }) => Text {
                tone: Tone::Bad,
                title: "The sign-in failed".to_owned(),
                what: description.clone(),
                detail: code.as_str().to_owned(),
                next: "Go back to your terminal: it says what to do.",
            },
            Self::Verdict(Verdict::NotThisFlow) => Text::refusal(
                "This answer was not expected",
                "It does not belong to the sign-in that is running, so it was not used.",
                "If you are signing in, finish it in the tab that dagpass opened.",
            ),
            Self::StillWorking => Text {
                tone: Tone::Waiting,
                title: "Almost there".to_owned(),
                what: "dagpass has the answer and is waiting for Ping to confirm it.".to_owned(),
                detail: String::new(),
                next: "Go back to your terminal: it says how this ends.",
            },
            Self::SentOn { .. } => Text {
                tone: Tone::Waiting,
                title: "On the way to Ping".to_owned(),
                what: String::new(),
                detail: String::new(),
                next: "Your browser goes there by itself.",
            },
            Self::UsedStart => Text::refusal(
                "This address was used already",
                "It leads to Ping once. The sign-in goes on in the tab that it opened.",
                "For another browser, stop this sign-in and begin it again with `--no-open`.",
            ),
            Self::Slow => Text::refusal(
                "Ping does not answer",
                "",
                "Go back to your terminal: it says how this goes on.",
            ),
            Self::Over => Text::refusal(
                "This sign-in is over",
                "It was cancelled, timed out, or was finished another way.",
                "Go back to your terminal: it says how a new one is begun.",
            ),
            Self::NotFound => Text::refusal("Nothing here", "", "You can close this tab."),
            Self::WrongMethod => {
                Text::refusal("Not like this", "This address takes GET alone.", "")
            }
            Self::Malformed => Text::refusal(
                "This answer cannot be read",
                "It has neither one code nor one error, so it was not used.",
                "If you are signing in, finish it in the tab that dagpass opened.",
            ),
            Self::TokenInAddress => Text::refusal(
                "This answer was refused",
                "It carried a token in its address, where others can see it.",
                "Tell whoever runs the client at Ping to allow the authorization code flow alone.",
            ),
        }
    }
}

struct Text {
    tone: Tone,
    title: String,
    what: String,
    detail: String,
    next: &'static str,
}

impl Text {
    fn refusal(title: &str, what: &str, next: &'static str) -> Self {
        let (title, what) = (title.to_owned(), what.to_owned());
        Self { tone: Tone::Bad, title, what, detail: String::new(), next }
    }
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Waiting,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Waiting => "waiting",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "!",
            Self::Waiting => "…",
        }
    }
}

/// `default-src 'none'`, and our one style by its hash.
pub(super) fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// Empty text makes no paragraph; `backticks` become code.
fn paragraph(class: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut html = String::new();
    for (i, part) in escaped(text).split('`').enumerate() {
        html.push_str(match i {
            0 => "",
            odd if odd % 2 == 1 => "<code>",
            _ => "</code>",
        });
        html.push_str(part);
    }
    if text.matches('`').count() % 2 == 1 {
        html.push_str("</code>");
    }
    format!("<p class=\"{class}\">{html}</p>\n")
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = include_str!("page.css");
