//! What is wrong with a policy's text, with its place in it: one shape for what the parser says, what the
//! validator says and what we say ourselves.

use dagpass_client::wire::ConfigProblem;
use miette::Diagnostic;

/// A text and the name it goes by where something is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The file, or what stands for one.
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Source {
    /// Of what the parser or the validator says; `fallback` where it does not say where.
    pub(super) fn told(&self, told: &dyn Diagnostic, fallback: usize) -> ConfigProblem {
        let label = told.labels().and_then(|mut labels| labels.next());
        let offset = label.as_ref().map_or(fallback, miette::LabeledSpan::offset);
        let mut message = told.to_string();
        if let Some(said) = label.as_ref().and_then(|label| label.label()) {
            message = format!("{message}: {said}");
        }
        let hint = told.help().map(|help| one_line(&help.to_string()));
        self.at(offset, without_policy(&one_line(&message)), hint)
    }

    pub(super) fn at(&self, offset: usize, message: String, hint: Option<String>) -> ConfigProblem {
        let (line, column) = self.line_and_column(offset);
        let file = self.file.clone();
        ConfigProblem { file, line, column, key: String::new(), message, hint }
    }

    /// Both from 1.
    pub(super) fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The place says which policy it is.
fn without_policy(message: &str) -> String {
    let rest = message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, "));
    rest.map_or_else(|| message.to_owned(), |(_, rest)| rest.to_owned())
}
