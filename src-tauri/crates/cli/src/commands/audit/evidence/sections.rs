//! The report's tables: what stands in each, and by which record. A table that is long is cut, and says where
//! the rest is.

use dagpass_client::ledger::evidence::{Entry, Gap, Issued, Kind, Table};
use dagpass_client::ledger::record::{IdToken, Person};
use dagpass_client::ledger::{Audience, Line};

use super::html::{NOTHING, code, counted, or_nothing, ranges, table, text, when};
use super::model::Model;
use super::proofs;
use super::tallied::MOST_ROWS;

/// How many numbers of records does a cell have?
const MOST_RANGES: usize = 8;
/// And how many of them are links, where they are few?
const MOST_LINKS: usize = 3;
/// And how many approvals?
const MOST_APPROVALS: usize = 5;
/// What the report says of it: no checkpoint is over the record, or over one of them.
const DAGGER: &str = "<sup>†</sup>";

/// What is missing by itself, and apart from that the times at which the agent was simply off.
pub(super) fn gaps(model: &Model) -> String {
    let (off, other): (Vec<&Gap>, Vec<&Gap>) =
        model.gaps.iter().partition(|gap| gap.kind == Kind::AgentOff);
    let mut shown = match other.is_empty() {
        true => "<p>None was found, of the kinds that this program looks for.</p>\n".to_owned(),
        false => gap_table(model, &other),
    };
    if !off.is_empty() {
        let times = counted(off.len(), "time", "times");
        shown.push_str(&format!("<h3>Agent off, and said so: {times}</h3>\n"));
        shown.push_str(&gap_table(model, &off));
    }
    shown
}

fn gap_table(model: &Model, gaps: &[&Gap]) -> String {
    let row = |gap: &&Gap| {
        let span = match (&gap.from, &gap.until) {
            (Some(from), Some(until)) => format!("{}<br>to {}", when(from), when(until)),
            (Some(from), None) => format!("from {}", when(from)),
            (None, Some(until)) => format!("until {}", when(until)),
            (None, None) => String::new(),
        };
        let seen = match (gap.records.as_slice(), gap.lines) {
            ([first, last], _) if gap.kind.is_of_a_range() => format!("{first}–{last}"),
            ([], None) => "no line".to_owned(),
            ([], Some((first, last))) if first == last => format!("line {first} of the file"),
            ([], Some((first, last))) => format!("lines {first}–{last} of the file"),
            (records, _) => of_records(model, records),
        };
        vec![format!("<strong>{}</strong>", text(gap.kind.title())), span, text(&gap.what), seen]
    };
    let rows: Vec<_> = gaps.iter().take(MOST_ROWS).map(row).collect();
    let shown = table("gaps", &["Gap", "When (UTC)", "What it is", "Seen by record"], &rows);
    shown + &more(gaps.len(), "gaps")
}

pub(super) fn sign_ins(model: &Model) -> String {
    let row = |entry: &Entry| {
        let line = &entry.record;
        vec![
            when(&line.time),
            text(&format!("{} {}", line.event, outcome(line))),
            who(line.subject.as_ref()),
            profile(line),
            assertion(line),
            record(model, entry),
        ]
    };
    let head =
        ["Time (UTC)", "What", "Who", "Profile", "What the identity provider asserted", "Record"];
    of_table(model, Table::SignIns, &head, row)
}

pub(super) fn issued(model: &Model) -> String {
    let by = |group: &Issued| {
        let what = &group.what;
        let mut shown = code(&what.program);
        let mut add = |word: &str, told: &str| {
            if !told.is_empty() {
                shown.push_str(&format!("<br><small>{word} {}</small>", text(told)));
            }
        };
        add("says it is", &what.task);
        add("by rule", &what.rules.join(", "));
        let approvals = group.approvals.iter().take(MOST_APPROVALS).cloned().collect::<Vec<_>>();
        add("by approval", &approvals.join(", "));
        if let Some(more) = group.approvals.len().checked_sub(MOST_APPROVALS).filter(|n| *n > 0) {
            add("and", &format!("{more} more approvals, in issued.json"));
        }
        shown
    };
    let head =
        ["To whom", "For", "Audience and scopes", "Asked by", "Times", "When (UTC)", "Records"];
    grouped(model, (&model.issued, "issued"), &head, Some(&by))
}

pub(super) fn renewals(model: &Model) -> String {
    let head = ["Whose sign-in", "For", "Audience and scopes", "Times", "When (UTC)", "Records"];
    grouped(model, (&model.renewals, "renewals"), &head, None)
}

fn grouped(
    model: &Model,
    (groups, file): (&[Issued], &str),
    head: &[&str],
    by: Option<&dyn Fn(&Issued) -> String>,
) -> String {
    if groups.is_empty() {
        return none();
    }
    let rows = groups.iter().take(MOST_ROWS).map(|group| {
        let what = &group.what;
        let target = match what.target.as_str() {
            "" => code(&what.profile),
            target => format!("{}<br><small>by {}</small>", code(target), code(&what.profile)),
        };
        let tokens = usize::try_from(group.tokens).unwrap_or(usize::MAX);
        let mut row = vec![
            format!("{}<br><small>{}</small>", or_nothing(&what.who), text(&what.issuer)),
            target,
            format!(
                "{}<br><small>scopes {}</small>",
                or_nothing(&what.audience.join(", ")),
                or_nothing(&what.scopes.join(" "))
            ),
        ];
        row.extend(by.map(|by| by(group)));
        row.extend([
            format!("{}<br><small>of {}</small>", group.times, counted(tokens, "token", "tokens")),
            format!("{}<br>to {}", when(&group.first), when(&group.last)),
            of_records(model, &group.records),
        ]);
        row
    });
    let class = if by.is_some() { "issued" } else { "renewals" };
    table(class, head, &rows.collect::<Vec<_>>()) + &more(groups.len(), file)
}

pub(super) fn refusals(model: &Model) -> String {
    let row = |entry: &Entry| {
        let line = &entry.record;
        let times = line.count.map(|count| format!(" × {count}")).unwrap_or_default();
        vec![
            when(&line.time),
            text(&format!("{}{}{times}", what(line), outcome(line))),
            or_nothing(
                &[line.error.as_deref(), line.reason.as_deref(), rules(line).as_deref()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(": "),
            ),
            caller(line),
            record(model, entry),
        ]
    };
    of_table(model, Table::Refusals, &["Time (UTC)", "What", "Why", "Who asked", "Record"], row)
}

/// Which ones of a policy decided.
fn rules(line: &Line) -> Option<String> {
    (!line.rules.is_empty()).then(|| format!("by rule {}", line.rules.join(", ")))
}

pub(super) fn changes(model: &Model) -> String {
    let row = |entry: &Entry| {
        let line = &entry.record;
        let named = [
            line.session.as_ref().map(|session| format!("profile {}", session.profile)),
            line.connection.as_ref().map(|id| format!("connection {id}")),
            line.deployment.as_ref().map(|name| format!("deployment {name}")),
            line.door.as_ref().map(|door| format!("door {door}")),
            line.run_id.clone(),
            line.reason.clone(),
        ];
        let detail = named.into_iter().flatten().collect::<Vec<_>>().join("; ");
        vec![when(&line.time), text(&what(line)), text(&detail), caller(line), record(model, entry)]
    };
    of_table(model, Table::Changes, &["Time (UTC)", "What", "Of what", "Who did it", "Record"], row)
}

pub(super) fn runs(model: &Model) -> String {
    let row = |entry: &Entry| {
        let run = entry.record.run.clone().unwrap_or_default();
        let tokens = run.tokens.iter().map(|tie| {
            let target = tie.connection.as_deref().unwrap_or(&tie.session.profile);
            format!(
                "{target} for {} × {} (known by {})",
                audience(&tie.audience),
                tie.times,
                tie.by
            )
        });
        vec![
            when(&entry.record.time),
            text(&[run.dag_id.as_str(), run.task_id.as_str()].join(" ")),
            text(&format!("{} {}", run.kind, run.state)),
            or_nothing(run.triggering_user.as_deref().unwrap_or_default()),
            or_nothing(run.signed_in_as.as_deref().unwrap_or_default()),
            text(&tokens.collect::<Vec<_>>().join("; ")),
            record(model, entry),
        ]
    };
    let head = [
        "Time (UTC)",
        "DAG and task",
        "State",
        "Triggered by",
        "Signed in as",
        "Tokens served",
        "Record",
    ];
    of_table(model, Table::Runs, &head, row)
}

pub(super) fn agent(model: &Model) -> String {
    let row = |entry: &Entry| {
        let line = &entry.record;
        let reason = line.reason.as_deref().unwrap_or_default();
        vec![when(&line.time), text(&line.event), text(reason), record(model, entry)]
    };
    of_table(model, Table::Agent, &["Time (UTC)", "What", "What it says", "Record"], row)
}

pub(super) fn controls(model: &Model) -> String {
    let rows = model.asked.controls.iter().map(|control| {
        let tables = control.tables.iter().map(|table| {
            let count = model.tables.of(*table).records.len();
            format!("<a href=\"#{0}\">{0}</a>&nbsp;({count})", table.name())
        });
        vec![
            format!(
                "<strong>{}</strong><br><small>{}</small>",
                text(control.id),
                text(control.about)
            ),
            text(control.shows),
            tables.collect::<Vec<_>>().join(", "),
            text(control.lacks),
        ]
    });
    let head =
        ["Control", "What this pack shows of it", "Where (records)", "What it does not show"];
    table("controls", &head, &rows.collect::<Vec<_>>())
}

fn of_table(
    model: &Model,
    of: Table,
    head: &[&str],
    row: impl Fn(&Entry) -> Vec<String>,
) -> String {
    let tally = model.tables.of(of);
    if tally.rows.is_empty() {
        return none();
    }
    let rows: Vec<_> = tally.rows.iter().map(row).collect();
    table(of.name(), head, &rows) + &more(tally.records.len(), of.name())
}

fn none() -> String {
    "<p>No line of the period says so.</p>\n".to_owned()
}

fn more(count: usize, file: &str) -> String {
    match count.saturating_sub(MOST_ROWS) {
        0 => String::new(),
        more => format!(
            "<p class=\"more\">and {more} more: <code>data/{file}.json</code> has all of them</p>\n"
        ),
    }
}

/// The record's number: with a link where its proof stands by itself, and a mark where none is over it.
fn record(model: &Model, entry: &Entry) -> String {
    let seq = entry.record.seq;
    let mark = if model.is_record_covered(seq) { "" } else { DAGGER };
    match model.proved.contains(&seq) {
        true => format!("<a href=\"{}\">{seq}</a>{mark}", proofs::name_of(seq)),
        false => format!("{seq}{mark}"),
    }
}

fn of_records(model: &Model, records: &[u64]) -> String {
    let mark = if records.iter().all(|seq| model.is_record_covered(*seq)) { "" } else { DAGGER };
    if records.len() > MOST_LINKS {
        return ranges(records, MOST_RANGES) + mark;
    }
    let link = |seq: &u64| match model.proved.contains(seq) {
        true => format!("<a href=\"{}\">{seq}</a>", proofs::name_of(*seq)),
        false => seq.to_string(),
    };
    records.iter().map(link).collect::<Vec<_>>().join(", ") + mark
}

/// By name and address, and below that how the identity provider calls them.
fn who(person: Option<&Person>) -> String {
    let Some(Person { iss, sub, name, email, client }) = person else {
        return NOTHING.to_owned();
    };
    let names = [name, email].into_iter().flatten().map(|one| text(one)).collect::<Vec<_>>();
    let names =
        if names.is_empty() { String::new() } else { format!("{}<br>", names.join("<br>")) };
    let kind = if *client { "client " } else { "" };
    format!("{names}<small>{kind}{} at {}</small>", code(sub), text(iss))
}

fn profile(line: &Line) -> String {
    let session = line.session.as_ref();
    code(session.map(|session| session.profile.as_str()).unwrap_or_default())
}

fn outcome(line: &Line) -> String {
    if line.outcome == "ok" { String::new() } else { format!(" {}", line.outcome) }
}

/// In words for whoever has never seen the product.
fn what(line: &Line) -> String {
    match (&*line.event, &line.action) {
        ("decision", Some(action)) if line.outcome == "ok" => format!("{action} permitted"),
        ("decision", Some(action)) => action.to_string(),
        ("refused", _) => "request at the door".to_owned(),
        ("issue", _) => "request for a token".to_owned(),
        ("refresh", _) => "renewal".to_owned(),
        ("config-change", _) => "config changed".to_owned(),
        ("evidence", _) => "evidence pack signed".to_owned(),
        (event, Some(action)) => format!("{event} {action}"),
        (event, None) => event.to_owned(),
    }
}

fn caller(line: &Line) -> String {
    let caller = &line.caller;
    let mut told = Vec::new();
    told.extend(caller.executable.as_deref().map(code));
    if &*caller.transport == "agent" {
        told.push("the agent itself".to_owned());
    }
    let ids = [
        caller.pid.map(|pid| format!("pid {pid}")),
        caller.uid.map(|uid| format!("uid {uid}")),
        caller.capability.as_ref().map(|id| format!("capability {id}")),
        caller.executable_sha256.as_ref().map(|digest| format!("SHA-256 {digest}")),
        (!caller.lanes.is_empty()).then(|| format!("lane {}", caller.lanes.join(", "))),
        line.door.as_ref().map(|door| format!("at the {door}")),
        caller.remote.then(|| "on another machine".to_owned()),
    ];
    let ids = ids.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if !ids.is_empty() {
        told.push(format!("<small>{}</small>", text(&ids)));
    }
    if told.is_empty() { NOTHING.to_owned() } else { told.join("<br>") }
}

fn audience(audience: &Audience) -> String {
    match audience {
        Audience::Names(names) => names.join(", "),
        Audience::Text(text) => text.to_string(),
    }
}

fn assertion(line: &Line) -> String {
    let Some(proof) = &line.proof else { return NOTHING.to_owned() };
    let mut told = proof.id_token.as_ref().map(id_token).unwrap_or_default();
    if proof.id_token.is_none() {
        told.push("no ID token came".to_owned());
    }
    let took = proof.took_ms.map(|took| format!(", answered in {took} ms")).unwrap_or_default();
    told.extend(proof.endpoint.as_ref().map(|endpoint| format!("by {endpoint}{took}")));
    told.iter().map(|one| text(one)).collect::<Vec<_>>().join("<br>")
}

fn id_token(token: &IdToken) -> Vec<String> {
    let authenticated = token.auth_time.map(|time| {
        let time = jiff::Timestamp::from_second(time).unwrap_or(jiff::Timestamp::MAX);
        time.strftime("authenticated at %Y-%m-%d %H:%M:%S").to_string()
    });
    let methods =
        (!token.amr.is_empty()).then(|| format!("methods (amr) {}", token.amr.join(", ")));
    let key = token.kid.as_ref().map(|kid| format!(", key {kid}")).unwrap_or_default();
    let bound = if token.at_hash { "bound" } else { "not bound" };
    [
        authenticated,
        token.acr.as_ref().map(|acr| format!("class (acr) {acr}")),
        methods,
        Some(format!("audience {}", token.aud.join(", "))),
        Some(format!("ID token signed with {}{key}; {bound} to its access token", token.alg)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
