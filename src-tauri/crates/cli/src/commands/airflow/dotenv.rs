//! A `.env` file as lines: sets variables, and touches no other line. A backend that was set there is asked
//! next.

use super::backend::{self, CLASS, Unwirable};
use super::shell::{assigned, quoted};

const BACKEND: &str = "AIRFLOW__SECRETS__BACKEND";

/// `settings` with our class in the backend's slot.
pub(super) fn set(before: &str, settings: &[(String, String)]) -> Result<String, Unwirable> {
    let last = |name: &str| value(before, name);
    let mut settings = settings.to_vec();
    settings.insert(0, (BACKEND.to_owned(), CLASS.to_owned()));
    let class = last(BACKEND).unwrap_or_default();
    if !backend::is_ours(&class) {
        let beside = backend::beside(&class, None)?;
        settings.extend(beside.into_iter().map(|(key, value)| (backend::variable(key), value)));
    }
    if settings.iter().all(|(name, value)| last(name).as_ref() == Some(value)) {
        return Err(Unwirable::Already);
    }
    let ours = |line: &&str| settings.iter().any(|(name, _)| assigned(line, name).is_some());
    let kept: String = before.split_inclusive('\n').filter(|line| !ours(line)).collect();
    let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    let line = |(name, value): &(String, String)| format!("{name}={}\n", quoted(value));
    Ok(format!("{kept}{gap}{}", settings.iter().map(line).collect::<String>()))
}

/// What the file sets a variable to, last of all.
pub(super) fn value(text: &str, name: &str) -> Option<String> {
    text.lines().rev().find_map(|line| assigned(line, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_stay_and_a_backend_that_was_set_is_asked_next() {
        let ours = [("DAGPASS_SOCKET".to_owned(), "/s".to_owned())];
        let plain = format!("{BACKEND}={CLASS}\nDAGPASS_SOCKET=/s\n");
        let kwargs = "AIRFLOW__SECRETS__BACKEND_KWARGS={\"p\": 1}\n";
        let chained = format!("# a\n{kwargs}X='y z'\n{plain}AIRFLOW__SECRETS__DAGPASS_NEXT=a.B\n");
        let table = [
            ("", plain.clone()),
            ("X=1", format!("X=1\n{plain}")),
            ("DAGPASS_SOCKET=/old\nX=1\n", format!("X=1\n{plain}")),
            (
                "# a\nAIRFLOW__SECRETS__BACKEND=a.B\nAIRFLOW__SECRETS__BACKEND_KWARGS={\"p\": 1}\nX='y z'\n",
                chained,
            ),
        ];
        for (before, after) in table {
            assert_eq!(set(before, &ours).as_deref(), Ok(after.as_str()), "{before}");
            assert_eq!(set(&after, &ours), Err(Unwirable::Already));
        }
    }
}
