//! A collector that works, fails, hangs, throws away and comes back, behind the adapter's seam and over a socket:
//! what it holds in the end is what the ledger has.

use std::fs;

use dagpass_client::ledger::digits;
use dagpass_client::ledger::log::{Cosigner, Note, leaf_hash};
use dagpass_core::token::Secret;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message as _;
use serde_json::json;

use super::*;
use world::{Mood, World, said, says};

mod packed;
mod world;

#[tokio::test]
async fn each_line_and_each_checkpoint_goes_once_in_order_as_it_is() {
    let mut world = World::new();
    world.shipping.tend().await;
    assert_eq!(world.with(|fake| fake.asked), 0, "there is nothing to ship");
    world.write(600);
    world.seal();
    world.shipping.tend().await;
    world.write(10);
    world.seal();
    world.shipping.tend().await;
    world.shipping.tend().await;
    world.restart();
    world.shipping.tend().await;
    let asked = world.with(|fake| fake.asked);
    assert_eq!(asked, 3, "in batches, and nothing twice");
    let (text, notes) =
        (world.text(), fs::read_to_string(world.log().join("checkpoints")).unwrap());
    assert_eq!(world.lines(), text.lines().collect::<Vec<_>>());
    let all = world.taken();
    let at = |record: &str| all.iter().position(|one| one == record).unwrap();
    let each: Vec<&str> = notes.split_inclusive("\n— ").collect();
    assert_eq!((all.len(), each.len()), (612, 3));
    let newest = fs::read_to_string(world.log().join("checkpoint")).unwrap();
    assert_eq!(at(&newest), 611, "behind what it is over");

    world.with(|fake| {
        let first = &fake.records[0];
        let line = text.lines().next().unwrap();
        for (name, expected) in [
            ("dagpass.kind", "line"),
            ("dagpass.line", "1"),
            ("dagpass.seq", "1"),
            ("dagpass.event", "issue"),
            ("dagpass.outcome", "denied"),
            ("dagpass.transport", "socket"),
            ("dagpass.pid", "12"),
            ("dagpass.leaf", &digits(&leaf_hash(line.as_bytes()).0)),
        ] {
            assert_eq!(said(first, name), expected, "{name}");
        }
        assert_eq!(first.event_name, "dagpass.ledger.issue");
        assert_eq!((first.severity_number, first.time_unix_nano), (13, 1_795_548_531_123_000_000));
        let last = &fake.records[611];
        assert_eq!(last.event_name, "dagpass.ledger.checkpoint");
        assert_eq!(
            (said(last, "dagpass.size"), said(last, "dagpass.kind")),
            ("610".into(), "checkpoint".into())
        );
        assert!(said(last, "dagpass.origin").starts_with("dagpass.dev/ledger/"));
    });
    let status = world.shipping.status().await;
    assert_eq!((status.shipped, status.behind, status.checkpoint), (610, 0, 610));
    assert_eq!(status.collector.as_deref(), Some("http://127.0.0.1:4318/v1/logs"));
}

#[tokio::test]
async fn nothing_goes_that_is_not_on_disk_nor_the_half_of_a_line() {
    let world = World::new();
    world.write(3);
    let text = world.text();
    let two = text.match_indices('\n').nth(1).unwrap().0 + 1;
    world.synced(two);
    world.shipping.tend().await;
    assert_eq!(world.lines().len(), 2);
    world.synced(two + 5);
    world.shipping.tend().await;
    assert_eq!(world.lines().len(), 2);
    world.synced(text.len());
    world.shipping.tend().await;
    assert_eq!(world.lines(), text.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_collector_that_is_down_for_an_hour_is_asked_seldom_and_has_all_of_it_soon_after() {
    let world = World::new();
    world.mood(Mood::Unreachable);
    for minute in 0..60 {
        world.write(20);
        if minute % 5 == 0 {
            world.seal();
        }
        for _ in 0..30 {
            world.shipping.tend().await;
            world.clock.jump(2);
        }
    }
    let asked = world.with(|fake| fake.asked);
    assert!((8..=20).contains(&asked), "{asked}");
    let status = world.shipping.status().await;
    assert_eq!((status.shipped, status.behind), (0, 1200));
    assert_eq!(status.error.as_deref(), Some("connection refused"));
    assert_eq!(status.failing_since.as_deref(), Some("2026-11-18T11:06:40.000Z"));
    world.mood(says(200, "", vec![]));
    for _ in 0..(15 * 60 * 5 / 4) / 2 + 1 {
        world.shipping.tend().await;
        world.clock.jump(2);
    }
    assert_eq!(world.lines(), world.text().lines().collect::<Vec<_>>());
    let status = world.shipping.status().await;
    assert_eq!((status.behind, status.checkpoint, status.error), (0, 1120, None));
}

#[tokio::test]
async fn an_agent_that_dies_between_the_answer_and_the_state_sends_twice_and_loses_none() {
    let mut world = World::new();
    world.write(5);
    world.shipping.tend().await;
    let before = fs::read(world.kept()).unwrap();
    world.write(4);
    world.shipping.tend().await;
    fs::write(world.kept(), before).unwrap();
    world.restart();
    world.shipping.tend().await;
    let lines: Vec<String> = world.text().lines().map(str::to_owned).collect();
    let expected = [&lines[..], &lines[5..]].concat();
    assert_eq!(world.lines(), expected);
    // Damaged or gone: all of it goes once more.
    for damage in ["", "{\"v\":", "{\"v\":1,\"collector\":\"http://other/v1/logs\"}"] {
        fs::write(world.kept(), damage).unwrap();
        world.with(|fake| fake.records.clear());
        world.restart();
        world.shipping.tend().await;
        assert_eq!(world.lines(), lines, "{damage}");
    }
}

#[tokio::test]
async fn what_a_collector_throws_away_is_counted_and_told_and_not_sent_again() {
    let mut world = World::new();
    world.write(5);
    let partly =
        ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too old".to_owned() };
    let answer = ExportLogsServiceResponse { partial_success: Some(partly) }.encode_to_vec();
    world.mood(says(200, PROTOBUF, answer));
    world.shipping.tend().await;
    world.shipping.tend().await;
    world.restart();
    world.shipping.tend().await;
    let status = world.shipping.status().await;
    assert_eq!((status.shipped, status.rejected, status.error), (5, 2, None));
    assert_eq!(world.with(|fake| fake.asked), 1);
}

#[tokio::test]
async fn a_collector_that_hangs_holds_nobody_up_and_loses_nothing() {
    let mut world = World::new();
    world.write(5);
    world.mood(Mood::Hangs);
    let hangs = tokio::spawn({
        let shipping = world.shipping.clone();
        async move { shipping.tend().await }
    });
    while world.with(|fake| fake.asked) == 0 {
        tokio::task::yield_now().await;
    }
    world.write(5);
    world.shipping.tend().await;
    let status = world.shipping.status().await;
    assert_eq!((status.shipped, status.behind, status.error), (0, 10, None));
    hangs.abort();
    assert!(hangs.await.unwrap_err().is_cancelled(), "an agent that ends waits for no collector");
    world.mood(says(200, "", vec![]));
    world.restart();
    world.shipping.tend().await;
    assert_eq!(world.lines().len(), 10);
}

#[tokio::test]
async fn a_no_is_told_and_asked_again_later_and_never_taken_for_a_yes() {
    let world = World::new();
    world.write(3);
    for (status, kind, body, words) in [
        (200, "text/html", "<p>Sign in", "`text/html`: that is no collector"),
        (302, "text/html", "<p>", "it answered 302"),
        (
            400,
            "text/plain",
            "bad",
            "it answered 400: bad; where it takes no gzip, `compression = \"none\"`",
        ),
        (415, "", "", "it answered 415; where it takes no gzip, `compression = \"none\"`"),
        (401, "", "", "it answered 401"),
        (500, "text/html", "<p>", "it answered 500"),
    ] {
        world.mood(says(status, kind, body.as_bytes().to_vec()));
        world.shipping.ship_now().await;
        let status = world.shipping.status().await;
        let why = status.error.unwrap();
        assert!(why.contains(words), "{why}");
        assert_eq!((status.shipped, status.next_try.is_some()), (0, true));
    }
    world.with(|fake| fake.records.clear());
    // As it says itself, and no sooner.
    let wait = Some(Duration::from_secs(600));
    world.mood(Mood::Says(Reply { status: 429, retry_after: wait, ..Reply::default() }));
    world.shipping.ship_now().await;
    world.mood(says(200, "", vec![]));
    world.clock.jump(599);
    world.shipping.tend().await;
    assert!(world.taken().is_empty());
    world.clock.jump(1);
    world.shipping.tend().await;
    assert_eq!(world.lines().len(), 3);
}

#[tokio::test]
async fn what_is_too_large_goes_in_smaller_parts() {
    let world = World::new();
    world.write(100);
    world.seal();
    world.mood(Mood::Small(7));
    world.shipping.tend().await;
    assert_eq!(world.lines(), world.text().lines().collect::<Vec<_>>());
    assert_eq!(world.taken().len(), 101);
    world.write(1);
    world.mood(Mood::Small(0));
    world.shipping.tend().await;
    assert_eq!(world.shipping.status().await.error.as_deref(), Some("it answered 413"));
    world.mood(says(200, "", vec![]));
    world.shipping.ship_now().await;
    assert_eq!(world.lines().len(), 101);
}

#[tokio::test]
async fn another_file_goes_from_its_beginning_and_one_that_goes_on_from_where_it_was() {
    let world = World::new();
    world.write(5);
    world.shipping.tend().await;
    // The file's first lines are gone, and the last one that went is there.
    let text = world.text();
    let kept = text.split_inclusive('\n').skip(3).collect::<String>();
    world.set(&kept);
    world.write(2);
    world.shipping.tend().await;
    assert_eq!(world.lines().len(), 7);
    world.set("{\"seq\":1}\n{\"seq\":2,\n\n");
    world.shipping.tend().await;
    assert_eq!(&world.lines()[7..], ["{\"seq\":1}", "{\"seq\":2,", ""]);
}

#[tokio::test]
async fn lines_go_once_more_from_the_number_that_is_asked_for() {
    let world = World::new();
    world.write(20);
    world.seal();
    world.shipping.tend().await;
    world.with(|fake| fake.records.clear());
    assert!(!world.shipping.go_back(21).await.unwrap());
    assert!(world.shipping.go_back(18).await.unwrap());
    assert_eq!(world.shipping.status().await.behind, 3);
    world.shipping.ship_now().await;
    assert_eq!(world.lines(), world.text().lines().skip(17).collect::<Vec<_>>());
    assert_eq!(world.taken().len(), 4, "the checkpoint over them too");
}

#[tokio::test]
async fn a_checkpoint_that_was_cosigned_since_goes_once_more_with_what_it_was_signed_by() {
    let world = World::new();
    world.write(20);
    world.seal();
    world.shipping.tend().await;
    let path = world.log().join("checkpoints");
    let note = Note::parse(&fs::read(&path).unwrap()).unwrap();
    let witness = Cosigner::new("witness.example/1", [1; 32]).unwrap();
    let cosigned = note.with([witness.cosign(&note, 1000).unwrap()]).to_string();
    fs::write(&path, &cosigned).unwrap();
    world.shipping.tend().await;
    world.shipping.tend().await;
    assert_eq!(world.taken().last(), Some(&cosigned));
    assert_eq!(world.taken().len(), 22);
    // Another history under it goes from its beginning; what the log's key did not sign does not.
    fs::write(
        &path,
        format!(
            "example.com/other\n1\n{}\n\n— n AAAAAAAA\n{cosigned}",
            note.text().lines().nth(2).unwrap()
        ),
    )
    .unwrap();
    world.shipping.tend().await;
    assert_eq!(world.taken().len(), 23);
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_socket_goes_protobuf_with_the_printed_headers_and_an_answer_is_never_told_with_them()
 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = format!(
        "[audit.ship]\notlp = \"http://127.0.0.1:{port}\"\n\
         headers-command = [\"/bin/sh\", \"-c\", \"echo Authorization: Bearer canary-7\"]\n"
    );
    fs::write(world.folder.path().join("config.toml"), config).unwrap();
    let config = Arc::new(ConfigFile::open(world.folder.path().join("config.toml")));
    let shipping = Shipping::new(config, world.paper.clone(), world.clock.clone());
    world.write(3);
    let answers = [
        "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 25\r\n\r\nwho is Bearer canary-7 ?\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
    ];
    let serve = async {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            loop {
                let mut block = [0; 4096];
                let read = stream.read(&mut block).await.unwrap();
                request.extend_from_slice(&block[..read]);
                let head = request.windows(4).position(|four| four == b"\r\n\r\n");
                let Some(head) = head else { continue };
                let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
                let length = text.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if request.len() == head + 4 + length {
                    requests.push((text, request.split_off(head + 4)));
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    };
    let ship = async {
        shipping.ship_now().await;
        let failed = shipping.status().await;
        shipping.ship_now().await;
        failed
    };
    let (requests, failed) = tokio::join!(serve, ship);
    for (head, body) in &requests {
        assert!(head.starts_with("post /v1/logs http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        assert!(head.contains("authorization: bearer canary-7\r\n"), "{head}");
        assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
        assert_eq!(world::records(&world::unpacked(Some("gzip"), body)).len(), 3);
    }
    let why = failed.error.unwrap();
    assert_eq!(why, "it answered 503: who is [removed] [removed] ?");
    assert_eq!(failed.next_try.as_deref(), Some("2026-11-18T11:06:47.000Z"));
    assert_eq!(shipping.status().await.shipped, 3);
}

#[test]
fn a_header_that_a_collector_quotes_is_taken_out_before_its_words_are_cut_and_of_a_yes_too() {
    let header = |value: &str| ("X-Key".to_owned(), Secret::new(value.to_owned()));
    let headers = vec![header("canary"), header("Bearer canary-7-canary"), header("a=canary8; b")];
    let tell = |text: &str| told(text, &headers);
    for before in [0, 380, 390, 395, 399, 400] {
        let said = format!("{} canary-7-canary, a=canary8.", "x".repeat(before));
        for told in [refused("text/plain", said.as_bytes(), tell), {
            let json = json!({"partialSuccess": {"rejectedLogRecords": 2, "errorMessage": said}});
            let taken = taken("application/json", json.to_string().as_bytes(), tell);
            let Ok(Taken::Partly(2, why)) = taken.clone() else { panic!("{taken:?}") };
            why
        }] {
            assert!(!told.contains("cana") && !told.contains("-7-"), "{before}: {told}");
        }
    }
}
