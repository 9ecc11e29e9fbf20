//! The report: one page for somebody who has never seen the product. Neither script nor anything from elsewhere;
//! every row names the record that it is told by, and the page says what stands for those.

use std::collections::BTreeSet;

use dagpass_client::ledger::evidence::Table;
use dagpass_client::ledger::log::Hash;
use sha2::{Digest, Sha256};

use super::html::{code, counted, or_nothing, text, when};
use super::manifest::product;
use super::model::Model;
use super::{sections, timeline};

const STYLE: &str = include_str!("report.css");

pub(super) fn html(model: &Model) -> String {
    let asked = &model.asked;
    // As a browser reads it, wherever this was built.
    let style = STYLE.replace('\r', "");
    // Only this very sheet; and nothing that a text from outside could bring along.
    let sheet = Hash(Sha256::digest(&style).into());
    let title = format!("What this agent issued: {} to {}", asked.period.from, asked.period.to);
    let sections: [(Table, &str, &str, String); 7] = [
        (
            Table::SignIns,
            "Sign-ins",
            "Who signed in and out at the identity provider, and what its assertion says of it. The agent writes that only of an ID token whose signature, issuer and audience it found right; what the token states is the identity provider's word.",
            sections::sign_ins(model),
        ),
        (
            Table::Tokens,
            "Tokens issued",
            "Each access token that left the agent, summed up by whom it is for and who asked. The program is the one that the operating system names for the asking process; what it says of its task is its own word.",
            sections::issued(model),
        ),
        (
            Table::Refusals,
            "Refusals and failures",
            "Whoever went away with nothing: denied, turned away at the door, or because something failed.",
            sections::refusals(model),
        ),
        (
            Table::Renewals,
            "Renewals",
            "Tokens renewed at the identity provider with a refresh token, which it may rotate each time, and tokens exchanged.",
            sections::renewals(model),
        ),
        (
            Table::Changes,
            "Changes and deeds",
            "What changed the agent: its configuration, where it keeps refresh tokens (use-store), its doors. A permitted deed is on the record before it is done.",
            sections::changes(model),
        ),
        (
            Table::Runs,
            "Airflow runs",
            "What Airflow told of its DAGs and tasks, with the tokens that the agent served to them.",
            sections::runs(model),
        ),
        (
            Table::Agent,
            "The agent and its ledger",
            "When the agent started and ended, and what happened to the file that this is read from.",
            sections::agent(model),
        ),
    ];
    let sections = sections.into_iter().map(|(table, name, about, rows)| {
        let count = size(model, table);
        format!(
            "<h2 id=\"{}\">{} <small>{count}</small></h2>\n<p>{}</p>\n{rows}",
            table.name(),
            text(name),
            text(about)
        )
    });
    let sections: String = sections.collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{sheet}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n{}{}{}{}{sections}{}{}{}</body>\n</html>\n",
        text(&title),
        head(model),
        population(model),
        timeline(model),
        gaps(model),
        other(model),
        controls(model),
        checking(model),
    )
}

fn head(model: &Model) -> String {
    let asked = &model.asked;
    let signed = if asked.signed {
        "<div class=\"note\"><p><strong>Signed.</strong> The manifest of this pack is signed by the key of the ledger's log (<code>manifest.note</code>). That signature says that this agent was asked to sign this very pack; what the pack says of the ledger is proved by the checkpoints in it.</p></div>\n"
    } else {
        "<div class=\"note bad\"><p><strong>Not signed.</strong> This pack was made without the agent. Its manifest carries no signature; only the checkpoints in it stand for the lines they are over.</p></div>\n"
    };
    let pseudonymous = if model.pseudonymous {
        "<div class=\"note\"><p><strong>Pseudonymous.</strong> Persons, the machine and its account have other names here, the same one each time. The raw lines would name them and are not in this pack; their hashes are, so a line that is shown later can be held against it.</p></div>\n"
    } else {
        ""
    };
    let figure = |count: u64, what: &str, section: &str| {
        format!("<li><strong>{count}</strong><a href=\"#{section}\">{what}</a></li>")
    };
    let cards = [
        figure(model.tables.sign_ins, "sign-ins", "sign-ins"),
        figure(model.tables.of(Table::Tokens).events, "tokens issued", "tokens"),
        figure(model.tables.persons.len() as u64, "persons", "tokens"),
        figure(model.tables.of(Table::Refusals).events, "refusals and failures", "refusals"),
        figure(model.tables.of(Table::Changes).events, "changes and deeds", "changes"),
        figure(model.gaps.len() as u64, "gaps named", "gaps"),
    ];
    format!(
        "<header>\n<h1>What this agent issued</h1>\n<p class=\"lead\">Evidence from the ledger of dagpass on {}, {} to {} (UTC)</p>\n\
         <p>dagpass is a program on one person's machine. It signs them in at their company's identity provider and hands short-lived access tokens to programs that ask for one, such as Apache Airflow. Each sign-in, each token and each refusal is a line of its <em>ledger</em>: a file in which every line holds the hash of the line before, and over which the agent signs <em>checkpoints</em>. This report is made from the lines of one period.</p>\n\
         <p>It shows what this one agent recorded. It does not show access that passed by beside the agent, nor what a token was used for.</p>\n\
         {signed}{pseudonymous}<ul class=\"cards\">{}</ul>\n</header>\n",
        machine(model),
        when(&asked.period.from.to_string()),
        when(&asked.period.to.to_string()),
        cards.concat(),
    )
}

fn machine(model: &Model) -> String {
    if model.asked.machine.is_empty() {
        "this machine".to_owned()
    } else {
        text(&model.asked.machine)
    }
}

/// How many records, and how many events where one of them stands for several.
fn size(model: &Model, table: Table) -> String {
    let tally = model.tables.of(table);
    let records = counted(tally.records.len(), "record", "records");
    match tally.events {
        // What a ledger that could not be written denied stands beside that line, and is no event of its own.
        many if table != Table::Agent && many != tally.records.len() as u64 => {
            format!("{records}, {many} events")
        }
        _ => records,
    }
}

fn population(model: &Model) -> String {
    let asked = &model.asked;
    let profiles: BTreeSet<&str> = model.tables.profiles.iter().map(String::as_str).collect();
    let issuers: BTreeSet<&str> =
        model.tables.persons.iter().map(|(iss, _)| iss.as_str()).collect();
    let (from, to) = model.lines;
    let total = to - from;
    let covered = model.covered.clamp(from, to) - from;
    let lines = match model.records {
        Some((first, last)) => format!(
            "{} (lines {}–{to} of the file), records {first}–{last}",
            counted(usize::try_from(total).unwrap_or(usize::MAX), "line", "lines"),
            from + 1
        ),
        None => "none".to_owned(),
    };
    let tables = Table::ALL.map(|table| (table.name(), model.tables.of(table).records.len()));
    let mut sum: Vec<String> = tables
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let rest = total - model.tables.records().min(total);
    if rest > 0 {
        sum.push(format!("lines that are no record {rest}"));
    }
    let logs = model.logs.iter().map(|log| {
        format!(
            "log {}: {} <small>checkpoints up to line {}</small>",
            log.number,
            code(&log.key),
            log.size
        )
    });
    let logs = logs.collect::<Vec<_>>().join("<br>");
    let joined = |all: &BTreeSet<&str>| all.iter().copied().collect::<Vec<_>>().join(", ");
    let under = match covered {
        all if all == total => format!("all {total} lines"),
        some => format!("{some} of {total} lines"),
    };
    let fact = |name: &str, value: String| format!("<dt>{}</dt><dd>{value}</dd>", text(name));
    format!(
        "<h2 id=\"population\">Population</h2>\n<dl class=\"facts\">{}{}{}{}{}{}{}{}{}</dl>\n\
         <p>Every record of the period is in exactly one table of this report and of <code>data/</code>; together they are all of its lines.</p>\n",
        fact("Machine, account", format!("{}, {}", machine(model), or_nothing(&asked.account))),
        fact(
            "Period",
            format!(
                "{} to {} (UTC)",
                when(&asked.period.from.to_string()),
                when(&asked.period.to.to_string())
            )
        ),
        fact("Lines of the ledger", text(&lines)),
        fact("Where they stand", or_nothing(&sum.join(" + "))),
        fact("Profiles", or_nothing(&joined(&profiles))),
        fact("Identity providers", or_nothing(&joined(&issuers))),
        fact("Under a signed checkpoint", text(&under)),
        fact("Key that signed them", if logs.is_empty() { or_nothing("") } else { logs }),
        fact("Made", format!("{} by {}", when(&asked.made.to_string()), text(&product()))),
    )
}

fn timeline(model: &Model) -> String {
    format!(
        "<h2 id=\"timeline\">Timeline</h2>\n{}<p class=\"key\">Agent: <i class=\"on\"></i>ran, as far as the ledger tells<i class=\"off\"></i>off, and said so<i class=\"killed\"></i>ended without saying so<i class=\"unknown\"></i>not told. The height of a mark is its part of the highest one in its row.</p>\n",
        timeline::svg(model)
    )
}

fn gaps(model: &Model) -> String {
    format!(
        "<h2 id=\"gaps\">Gaps <small>{}</small></h2>\n<p>What the lines of the period and their proofs leave open. A machine that sleeps leaves no line, and neither does an event that was never written: those gaps cannot be seen here.</p>\n{}",
        counted(model.gaps.len(), "gap", "gaps"),
        sections::gaps(model)
    )
}

/// What was looked at, by kind.
fn other(model: &Model) -> String {
    let rows = model.tables.asked.iter().map(|(what, (times, records))| {
        vec![code(what), times.to_string(), super::html::ranges(records, 8)]
    });
    let rows: Vec<_> = rows.collect();
    let table = if rows.is_empty() {
        "<p>No line of the period says so.</p>\n".to_owned()
    } else {
        super::html::table("other", &["What was asked", "Times", "Records"], &rows)
    };
    format!(
        "<h2 id=\"other\">Looked at and asked <small>{}</small></h2>\n<p>Requests that changed nothing and yielded no token by themselves: status, lists, and the intent that stands before an issue where the identity provider is asked.</p>\n{table}",
        size(model, Table::Other)
    )
}

fn controls(model: &Model) -> String {
    format!(
        "<h2 id=\"controls\">Controls</h2>\n<p>What this pack can be used for, and what has to come from elsewhere. It claims of no control that it is met: that is for whoever judges all of it. Control numbers are those of SOC 2 (Trust Services Criteria 2017) and ISO/IEC 27001:2022 Annex A; the descriptions are ours.</p>\n{}\
         <p>By which rules of which policies a token was permitted, and by which approval, stands where policies are in force; what the rules were is not on the record, which has a digest of them, and neither is through which group somebody came by a right. An approval is the owner's own, from another process: none by a second person is known.</p>\n",
        sections::controls(model)
    )
}

fn checking(model: &Model) -> String {
    let raw = if model.pseudonymous {
        "Its hash stands as <code>leaf</code> in <code>data/</code> and in <code>ledger/leaves.txt</code>; the line itself is on the machine of the ledger."
    } else {
        "Look for <code>\"seq\":NUMBER,</code> in <code>ledger/lines.jsonl</code>: that line is the claim's source, byte for byte as it was written."
    };
    let origin = model.logs.last().map_or_else(String::new, |log| {
        format!(" The newest log here is <code>{}</code>.", text(&log.origin))
    });
    format!(
        "<h2 id=\"checking\">How to check it</h2>\n\
         <p><strong>A number in a column <em>Record</em></strong> is the <code>seq</code> of a line of the ledger. {raw} A number that is a link leads to a file in which that one line is proved by itself. A number marked <sup>†</sup>, or in a list with that mark at least one of its numbers, is under no checkpoint that this pack has: only the chain of hashes, and the signature of this pack where there is one, speak for it.</p>\n\
         <p><strong>The pack as a whole</strong> is checked without a network and without the machine it was made on:</p>\n\
         <pre>dagpass audit verify-evidence FILE.zip --key VKEY</pre>\n\
         <p>That holds each file against the manifest, the manifest against its signature, the lines against the checkpoints, and the tables in <code>data/</code> against the lines. Take VKEY from somebody who noted it down when the agent was set up (<code>dagpass audit key</code>) and compare it with the one under <a href=\"#population\">Population</a>; do not take it from this page, for whoever makes a pack could make a key as well.{origin}</p>\n\
         <p><strong>What a checkpoint proves:</strong> that the lines under it are the ones that were there when it was signed, none changed, dropped, added or reordered. <strong>What it does not prove:</strong> that every event was written, and, as long as no independent witness cosigned it, that the holder of the key did not sign another history.</p>\n\
         <footer>{}, {}. Words: a <em>profile</em> is one identity provider and client in the agent's configuration; a <em>connection</em> is Airflow's name for a target; <em>scopes</em> are the rights a token asks for, its <em>audience</em> is whom it is meant for; <em>amr</em> and <em>acr</em> are the identity provider's words for how a person proved who they are. Times are the machine's own clock in UTC.</footer>\n",
        text(&product()),
        when(&model.asked.made.to_string()),
    )
}
