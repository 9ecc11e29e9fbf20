//! One request and its reply, free of any server. Decides how OAuth errors look on the wire.

use serde_json::{Map, Value, json};

use crate::encode;

/// A request with its body read to the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) authorization: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) dpop: Option<String>,
}

impl Call {
    /// A parameter of the form, else of the query. Empty is absent (RFC 6749 §3.1).
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let find = |text: &str| {
            encode::pairs(text).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
        };
        find(&self.body).or_else(|| find(&self.query)).filter(|value| !value.is_empty())
    }

    /// The names of all parameters, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let both = [&self.query, &self.body];
        let mut names: Vec<String> =
            both.into_iter().flat_map(|text| encode::pairs(text)).map(|(name, _)| name).collect();
        names.sort();
        names
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == "POST"
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        let header = self.authorization.as_deref()?;
        let (scheme, token) = header.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop"))
            .then_some(token.trim())
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let header = self.cookie.as_deref()?;
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// What goes back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// Announce a longer body than is sent, then drop the connection.
    pub(crate) cut: bool,
    pub(crate) gzip: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/json;charset=UTF-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self { status, headers, body: body.to_string(), cut: false, gzip: false }
    }

    pub(crate) fn html(status: u16, body: String) -> Self {
        let headers = vec![
            ("content-type", "text/html;charset=UTF-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("x-frame-options", "DENY".to_owned()),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'".to_owned()),
        ];
        Self { status, headers, body, cut: false, gzip: false }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let headers = vec![("location", to.to_owned()), ("cache-control", "no-store".to_owned())];
        Self { status: 302, headers, body: String::new(), cut: false, gzip: false }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), cut: false, gzip: false }
    }

    #[must_use]
    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    /// Changes the members of a JSON body; any other body stays.
    pub(crate) fn members(&mut self, change: impl FnOnce(&mut Map<String, Value>)) {
        if let Ok(Value::Object(mut members)) = serde_json::from_str(&self.body) {
            change(&mut members);
            self.body = Value::Object(members).to_string();
        }
    }

    pub(crate) fn retype(&mut self, content_type: &str) {
        self.headers.retain(|(name, _)| *name != "content-type");
        self.headers.push(("content-type", content_type.to_owned()));
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// An OAuth error on its way out (RFC 6749 §5.2).
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) description: String,
    /// `DPoP-Nonce`, where one must be used.
    pub(crate) nonce: Option<String>,
}

impl Refusal {
    pub(crate) fn new(error: &str, description: &str) -> Self {
        Self {
            status: if error == "invalid_client" { 401 } else { 400 },
            error: error.to_owned(),
            description: description.to_owned(),
            nonce: None,
        }
    }

    #[must_use]
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// `{error, error_description}`, or Ping's platform body where `platform` says so.
    pub(crate) fn reply(&self, platform: bool) -> Reply {
        let id = encode::uuid();
        let body = if platform {
            json!({"id": id, "code": "INVALID_REQUEST", "message": self.description, "details": [
                {"code": self.error.to_uppercase(), "target": "grant_type", "message": self.description}]})
        } else {
            json!({"error": self.error, "error_description": self.description})
        };
        let reply = Reply::json(self.status, &body).with("correlation-id", id);
        match &self.nonce {
            Some(nonce) => reply.with("dpop-nonce", nonce.clone()),
            None => reply,
        }
    }
}
