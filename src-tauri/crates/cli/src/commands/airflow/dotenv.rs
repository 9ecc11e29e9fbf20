//! A `.env` file as lines: sets variables, and touches no other line. A backend that was set there is asked
//! next.

use super::backend::{self, CLASS, Present, Unwirable};
use super::shell::{assigned, quoted};

const BACKEND: &str = "AIRFLOW__SECRETS__BACKEND";
const KWARGS: &str = "AIRFLOW__SECRETS__BACKEND_KWARGS";

pub(super) fn set(before: &str, settings: &[(&str, String)]) -> Result<String, Unwirable> {
    let last = |name: &str| before.lines().rev().find_map(|line| assigned(line, name));
    let mut settings = settings.to_vec();
    let class = last(BACKEND).unwrap_or_default();
    if !class.is_empty() && class != CLASS {
        let theirs = last(KWARGS).unwrap_or_default();
        let kwargs = backend::kwargs(Present { class: &class, kwargs: &theirs }, None)?;
        settings.extend(backend::text(kwargs).map(|kwargs| (KWARGS, kwargs)));
    }
    if settings.iter().all(|(name, value)| last(name).as_ref() == Some(value)) {
        return Err(Unwirable::Already);
    }
    let ours = |line: &&str| settings.iter().any(|(name, _)| assigned(line, name).is_some());
    let kept: String = before.split_inclusive('\n').filter(|line| !ours(line)).collect();
    let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    let line = |(name, value): &(&str, String)| format!("{name}={}\n", quoted(value));
    Ok(format!("{kept}{gap}{}", settings.iter().map(line).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_stay_and_a_backend_that_was_set_is_asked_next() {
        let ours = [(BACKEND, CLASS.to_owned()), ("DAGPASS_SOCKET", "/s".to_owned())];
        let plain = format!("{BACKEND}={CLASS}\nDAGPASS_SOCKET=/s\n");
        let chained = format!(
            "# a\nX='y z'\n{plain}{KWARGS}='{{\"next\":{{\"class\":\"a.B\",\"kwargs\":{{\"p\":1}}}}}}'\n"
        );
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
