//! A token of ours lies in a file: told once a find, for somebody has to take it out of there. Of those that are
//! told while one is still shown the newest stands.

use dagpass_client::harmful::is_harmful;
use dagpass_client::panel::View;
use serde_json::Value;

use super::Deed;
use crate::menu::Action;
use crate::notice::{Choice, Key, Notice};

/// How much of a place is shown? Its end, where the file's name and the line stand.
const LONGEST: usize = 120;

/// `told` is the number of the last record that was.
pub(super) fn seen(told: &mut Option<u64>, record: &Value) -> Option<Deed> {
    let seq = record["seq"].as_u64();
    if seq.is_some() && seq <= *told {
        return None;
    }
    *told = seq.or(*told);
    let fingerprint = record["fingerprint"].as_str()?.to_owned();
    let place: Vec<char> = record["reason"].as_str()?.chars().filter(|c| !is_harmful(*c)).collect();
    let from = place.len().saturating_sub(LONGEST);
    let cut = if from > 0 { "…" } else { "" };
    let place: String = place.into_iter().skip(from).collect();
    let text = format!(
        "It lies in {cut}{place}. What held it gets no more of it; take it out of there. dagpass airflow scan \
         looks for others."
    );
    let title = "A token was found in a file".to_owned();
    let show = Action::OpenPanel { view: Some(View::Activity) };
    let choices = vec![Choice { label: "Show…", action: show }];
    Some(Deed::Show(Notice { key: Key::Found { fingerprint }, title, text, choices }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_is_told_once_by_its_place_and_nobody_writes_a_line_of_ours() {
        let record = |seq: u64, place: &str| {
            serde_json::json!({
                "seq": seq, "event": "token-found", "outcome": "ok", "reason": place,
                "fingerprint": "0123456789abcdef"
            })
        };
        let mut told = None;
        let Some(Deed::Show(notice)) = seen(&mut told, &record(7, "/logs/a\u{202e}.log:12")) else {
            panic!("nothing is told")
        };
        assert_eq!(notice.title, "A token was found in a file");
        assert!(notice.text.starts_with("It lies in /logs/a.log:12. "), "{}", notice.text);
        assert_eq!(seen(&mut told, &record(7, "/logs/a.log:12")), None, "that record again");
        assert_eq!(seen(&mut told, &record(6, "/logs/a.log:12")), None, "an older one");
        let long = format!("/{}/b.log:3", "x".repeat(500));
        let Some(Deed::Show(notice)) = seen(&mut told, &record(8, &long)) else {
            panic!("a new one")
        };
        assert!(notice.text.contains("…") && notice.text.contains("/b.log:3. "), "{}", notice.text);
        assert!(notice.text.chars().count() < 300);
        assert_eq!(seen(&mut told, &serde_json::json!({"seq": 9})), None);
    }
}
