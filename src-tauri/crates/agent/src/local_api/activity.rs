//! `GET /v1/activity`: the ledger's newest records that are asked for. Reads the file from its end, on
//! a thread of its own; the records leave as the text that they are.

use std::io;
use std::path::Path;

use dagpass_client::ledger::{Filter, Segments, Tail, without_prev};
use dagpass_core::error::{ErrorCode, Refusal};
use jiff::Timestamp;
use url::form_urlencoded;

use super::reply::{self, Reply};
use super::{Api, Asked};

/// How many where nothing is said?
const USUAL: usize = 200;
/// And at most?
const MOST: usize = 5000;
/// How long may the answer be? A client takes 8 MiB.
const LONGEST: usize = 4 * 1024 * 1024;

pub(super) async fn activity(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let wanted = Wanted::parse(&asked.query)?;
    let path = api.ledger.path().to_owned();
    let unreadable = |cause: String| {
        Refusal::new(ErrorCode::ServerError, "the ledger cannot be read").because(cause)
    };
    let read = tokio::task::spawn_blocking(move || read(&path, &wanted)).await;
    let text = read.map_err(|ended| unreadable(ended.to_string()))?;
    Ok(reply::json_text(text.map_err(|error| unreadable(error.to_string()))?))
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    limit: usize,
    filter: Filter,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let mut wanted = Self { limit: USUAL, filter: Filter::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let no_number = || {
                let what = format!("`{name}` is no number that can be");
                Refusal::new(ErrorCode::InvalidRequest, what)
            };
            let text = Some(value.clone().into_owned());
            match &*name {
                "limit" => {
                    wanted.limit = value.parse::<usize>().map_err(|_| no_number())?.min(MOST)
                }
                "since" => {
                    let seconds = value.parse().map_err(|_| no_number())?;
                    let since = Timestamp::from_second(seconds).map_err(|_| no_number())?;
                    wanted.filter.since = Some(since);
                }
                "before" => {
                    wanted.filter.before = Some(value.parse().map_err(|_| no_number())?);
                }
                "profile" => wanted.filter.profile = text,
                "dag" => wanted.filter.dag = text,
                "task" => wanted.filter.task = text,
                "connection" => wanted.filter.connection = text,
                "process" => wanted.filter.process = text,
                "rule" => wanted.filter.rule = text,
                // A newer client's question is answered as far as we know it.
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// The whole answer as JSON.
fn read(path: &Path, wanted: &Wanted) -> io::Result<Vec<u8>> {
    let segments = Segments::of(path)?;
    let lines = Tail::over(&segments).last(wanted.limit + 1, |line| wanted.filter.judge(line))?;
    let mut more = lines.len() > wanted.limit;
    let mut text = b"{\"records\":[".to_vec();
    for record in lines.iter().rev().take(wanted.limit).filter_map(|line| without_prev(line)) {
        if text.len() + record.len() > LONGEST {
            more = true;
            break;
        }
        if text.last() != Some(&b'[') {
            text.push(b',');
        }
        text.extend_from_slice(record.as_bytes());
    }
    text.extend_from_slice(format!("],\"more\":{more}}}").as_bytes());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_wanted() {
        let all = Wanted { limit: USUAL, filter: Filter::default() };
        assert_eq!(Wanted::parse("").unwrap(), all);
        let asked = Wanted::parse("limit=99999&dag=a%20b&since=0&before=7&new=1").unwrap();
        assert_eq!(asked.limit, MOST);
        assert_eq!(asked.filter.dag.as_deref(), Some("a b"));
        assert_eq!(asked.filter.before, Some(7));
        assert_eq!(asked.filter.since, Some(Timestamp::UNIX_EPOCH));
        for wrong in
            ["limit=x", "limit=-1", "since=tomorrow", "since=99999999999999999", "before=x"]
        {
            let refusal = Wanted::parse(wrong).map_err(|refusal| refusal.code);
            assert_eq!(refusal, Err(ErrorCode::InvalidRequest), "{wrong}");
        }
    }

    #[test]
    fn the_newest_come_first_and_a_broken_line_is_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |seq: u32| format!("{{\"seq\":{seq},\"event\":\"issue\"}}\n");
        let text = format!("{}{}{{\"seq\n{}", line(1), line(2), line(3));
        std::fs::write(file.path(), text).unwrap();
        let answer = |limit| {
            let wanted = Wanted { limit, filter: Filter::default() };
            let text = read(file.path(), &wanted).unwrap();
            let reply: dagpass_client::wire::ActivityReply = serde_json::from_slice(&text).unwrap();
            let seqs: Vec<u64> =
                reply.records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
            (seqs, reply.more)
        };
        assert_eq!(answer(9), (vec![3, 2, 1], false));
        assert_eq!(answer(1), (vec![3], true));
        assert_eq!(answer(0), (vec![], true));
    }
}
