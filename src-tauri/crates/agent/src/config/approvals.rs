//! For which answers the system has the person prove who they are.

use dagpass_core::approvals::{Answer, Need};
use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::RawApprovals;
use super::section::At;

/// `[approvals] re-authenticate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reauthenticate {
    Off,
    /// For what holds beyond once, where the system can; elsewhere it holds as it is.
    #[default]
    WherePossible,
    /// The same, and elsewhere such an answer does not count.
    Lasting,
    /// For each yes.
    Each,
}

impl Reauthenticate {
    pub(super) fn of(at: At<RawApprovals>) -> Self {
        at.value.re_authenticate.map_or_else(Self::default, |asked| asked.value)
    }

    pub(crate) fn need(self, answer: Answer) -> Need {
        match (self, answer) {
            (Self::Off, _) | (_, Answer::No) => Need::No,
            (Self::WherePossible | Self::Lasting, Answer::Once) => Need::No,
            (Self::WherePossible, Answer::Run | Answer::Today | Answer::Always) => {
                Need::WherePossible
            }
            (Self::Lasting | Self::Each, Answer::Run | Answer::Today | Answer::Always)
            | (Self::Each, Answer::Once) => Need::Required,
        }
    }

    /// Before which the system has the person prove who they are.
    pub(crate) fn proves(self) -> impl Iterator<Item = Answer> {
        Answer::ALL.into_iter().filter(move |answer| self.need(*answer) != Need::No)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn what_lasts_is_proved_where_the_system_can_unless_the_config_says_otherwise() {
        use Need::{No, Required, WherePossible};
        for (text, once, lasting) in [
            ("", No, WherePossible),
            ("[approvals]", No, WherePossible),
            ("[approvals]\nre-authenticate = \"off\"", No, No),
            ("[approvals]\nre-authenticate = \"where-possible\"", No, WherePossible),
            ("[approvals]\nre-authenticate = \"lasting\"", No, Required),
            ("[approvals]\nre-authenticate = \"each\"", Required, Required),
        ] {
            let config = parse(text, Path::new("config.toml")).unwrap();
            let need = |answer| config.re_authenticate.need(answer);
            assert_eq!(need(Answer::Once), once, "{text}");
            assert_eq!(need(Answer::No), No, "{text}: a no needs nobody's word");
            for answer in [Answer::Run, Answer::Today, Answer::Always] {
                assert_eq!(need(answer), lasting, "{text} {answer:?}");
            }
        }
    }

    #[test]
    fn another_word_is_wrong_at_its_line_with_those_that_are_right() {
        let text = "[approvals]\nre-authenticate = \"sometimes\"";
        let wrong = parse(text, Path::new("config.toml")).unwrap_err();
        let [wrong] = wrong.as_slice() else { panic!("{wrong:?}") };
        assert_eq!((wrong.line, wrong.key.as_str()), (2, "approvals.re-authenticate"));
        for word in ["off", "where-possible", "lasting", "each"] {
            assert!(wrong.message.contains(word), "{}", wrong.message);
        }
    }
}
