//! What one answer of a witness says (C2SP tlog-witness), and what follows from it. Pure.

use dagpass_client::ledger::log::{
    AddCheckpoint, Checkpoint, Note, Signature, VerifierKey, held_size,
};

use crate::http::plain;

/// An answer as it came.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

/// What it was asked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// How many lines it is thought to hold.
    pub(super) old: u64,
    /// Did it say so itself, the last time that it answered?
    pub(super) told: bool,
}

/// How asking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Cosigned,
    /// It holds another history than ours.
    Forked(String),
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// As it says: what it signed is still to be looked at.
    Cosigned,
    /// It holds so many lines: the proof is to begin there.
    From(u64),
    /// What it holds is to be asked for: a no that convicts has to be its own.
    Confirm,
    Ended(Told),
}

/// C2SP gives a 422 neither type nor body, and gateways on the way say it too: it convicts nobody but where the
/// witness itself has just said by a 409 (whose type nobody else sends) that it holds what the proof begins at.
/// A proof from nothing is empty, and convicts nobody ever.
pub(super) fn judge(reply: &Reply, asked: Asked, ours: &Checkpoint) -> Next {
    let old = asked.old;
    let failed = |what: String| Next::Ended(Told::Failed(what));
    let forked = |what: String| Next::Ended(Told::Forked(what));
    let kind = reply.kind.split(';').next().unwrap_or_default().trim();
    match reply.status {
        200 => Next::Cosigned,
        409 if kind.eq_ignore_ascii_case(AddCheckpoint::SIZE_TYPE) => {
            match held_size(&reply.body) {
                Ok(held) if held > ours.size => forked(format!(
                    "it cosigned {held} lines of this log, and here it has {}: the ledger was set back, or \
                 another one is signed by its key",
                    ours.size
                )),
                Ok(held) if held == old && old == ours.size => {
                    forked(format!("it cosigned another history of as many lines, {held}"))
                }
                Ok(held) if held == old => {
                    failed("it contradicts itself about what it holds".to_owned())
                }
                Ok(held) => Next::From(held),
                Err(why) => failed(format!("it does not say what it holds: {why}")),
            }
        }
        422 if old > 0 && !asked.told => Next::Confirm,
        422 if old > 0 && !kind.to_ascii_lowercase().contains("html") => forked(format!(
            "it cosigned {old} lines of this log, and what is here does not go on from them"
        )),
        404 => failed(format!(
            "it does not know this log, {}: on its machine, `dagpass witness add VKEY` with what \
             `dagpass audit key` prints here",
            ours.origin
        )),
        403 => failed("it knows this log by another key".to_owned()),
        status => {
            let text = plain(&String::from_utf8_lossy(&reply.body));
            failed(match text.is_empty() || kind.contains("html") {
                true => format!("it answered {status}"),
                false => format!("it answered {status}: {text}"),
            })
        }
    }
}

/// This witness's signature out of what came, where it holds: no other's is taken along.
pub(super) fn cosigned_by(key: &VerifierKey, note: &Note, body: &[u8]) -> Option<Signature> {
    let lines = Signature::parse_lines(str::from_utf8(body).ok()?).ok()?;
    let cosigned = note.with(lines);
    cosigned.cosigned_at(key)?;
    cosigned.signature_of(key).cloned()
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::Hash;

    use super::*;

    #[test]
    fn an_answer_goes_on_fails_or_convicts() {
        let ours = Checkpoint {
            origin: "example.com/log".to_owned(),
            size: 20,
            root: Hash([1; 32]),
            before: None,
        };
        let size = AddCheckpoint::SIZE_TYPE;
        /// On top of what it said itself that it holds.
        const TOLD: u64 = 1000;
        for (status, kind, body, from, expected) in [
            (200, "text/plain", "x", 10, "cosigned"),
            (409, size, "7\n", 10, "from 7"),
            (409, "Text/X.tlog.size; charset=utf-8", "12\n", 10, "from 12"),
            (409, size, "0\n", 10, "from 0"),
            (409, size, "21\n", 10, "forked"),
            (409, size, "20\n", 20, "forked"),
            (409, size, "20\n", 10, "from 20"),
            (409, size, "10\n", 10, "failed"),
            (409, size, "many\n", 10, "failed"),
            (409, "text/plain", "10\n", 10, "failed"),
            (422, "text/plain", "no", 10, "confirm"),
            (422, "text/html", "<p>", 10, "confirm"),
            (422, "text/plain", "no", TOLD + 10, "forked"),
            (422, "", "", TOLD + 20, "forked"),
            (422, "Text/HTML; charset=utf-8", "<p>", TOLD + 10, "failed"),
            (422, "text/plain", "no", 0, "failed"),
            (422, "text/plain", "no", TOLD, "failed"),
            (404, "", "", 10, "failed"),
            (403, "", "", 10, "failed"),
            (302, "text/html", "<p>", 10, "failed"),
            (500, "text/plain", "no room", 10, "failed"),
        ] {
            let reply = Reply { status, kind: kind.to_owned(), body: body.as_bytes().to_vec() };
            let asked = Asked { old: from % TOLD, told: from >= TOLD };
            let told = match judge(&reply, asked, &ours) {
                Next::Cosigned => "cosigned".to_owned(),
                Next::From(held) => format!("from {held}"),
                Next::Confirm => "confirm".to_owned(),
                Next::Ended(Told::Forked(_)) => "forked".to_owned(),
                Next::Ended(Told::Failed(_)) => "failed".to_owned(),
                Next::Ended(Told::Cosigned) => "kept".to_owned(),
            };
            assert_eq!(told, expected, "{status} {kind} {body} {from}");
        }
    }
}
