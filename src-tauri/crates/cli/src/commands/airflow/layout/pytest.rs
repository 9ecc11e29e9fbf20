//! Tests of DAGs: a `conftest.py` that names the backend before anything imports Airflow, where the package is
//! installed: the file is a whole team's, and its CI has neither agent nor package. A connection that a test
//! sets by hand (`AIRFLOW_CONN_…`) and a backend that the environment names still go first.

use super::super::backend::{CLASS, Unwirable};
use super::super::files;
use super::{Edit, Place, Plan};
use crate::exit::Failure;

const BEGIN: &str =
    "# dagpass: written by `dagpass airflow setup --for pytest`, which also takes it away";
const END: &str = "# dagpass: end";
/// What has to be there for the backend to be imported.
const PACKAGE: &str = "airflow_provider_dagpass";

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    place.drops_no_backend()?;
    let target = files::real(&place.project)?;
    let env = place.env.clone();
    let edit = Edit::text(target.join("conftest.py"), move |before| wire(before, env.as_deref()));
    let note = "set DAGPASS_AIRFLOW=off for tests that must never see the agent";
    Ok(Plan { target, edits: vec![edit], notes: vec![note.to_owned()] })
}

fn wire(before: &str, env: Option<&str>) -> Result<String, Unwirable> {
    if before.contains(BEGIN) {
        return Err(Unwirable::Already);
    }
    let mut lines = vec![
        BEGIN.to_owned(),
        "import importlib.util  # noqa: E402".to_owned(),
        "import os  # noqa: E402".to_owned(),
        String::new(),
        format!("if importlib.util.find_spec(\"{PACKAGE}\") is not None:"),
        format!("    os.environ.setdefault(\"AIRFLOW__SECRETS__BACKEND\", \"{CLASS}\")"),
    ];
    if let Some(env) = env {
        let env = serde_json::json!(env);
        lines.push(format!("    os.environ.setdefault(\"DAGPASS_ENV\", {env})"));
    }
    lines.push(END.to_owned());
    let at = body_begins(before)?;
    let (head, body) = before.split_at(at);
    let gap = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{head}{gap}{}\n{body}", lines.join("\n")))
}

/// After what Python wants first: comments, the module's docstring, and imports from `__future__`.
fn body_begins(text: &str) -> Result<usize, Unwirable> {
    let mut at = 0;
    let mut documented = false;
    let mut found = 0;
    while at < text.len() {
        let rest = &text[at..];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        let code = line.trim_start_matches('\u{feff}').trim_end();
        if code.is_empty() || code.starts_with('#') {
            at += line.len();
            continue;
        }
        let statement = if !documented && let Some(length) = docstring(rest)? {
            documented = true;
            length
        } else if code.starts_with("from __future__ import") {
            let open = code.contains('(') && !code.contains(')');
            if code.ends_with('\\') || open {
                let end = rest.find(')').filter(|_| open);
                let end =
                    end.ok_or_else(|| Unwirable::Form("an import goes over lines".to_owned()))?;
                end + rest[end..].find('\n').map_or(rest.len() - end, |next| next + 1)
            } else {
                line.len()
            }
        } else {
            break;
        };
        at += statement;
        found = at;
    }
    // A first line for the system or the editor (`#!`, `coding:`) stays the first.
    let first = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len);
    Ok(if found == 0 { first.sum() } else { found })
}

/// How long the docstring that begins here is, with its line's end.
fn docstring(rest: &str) -> Result<Option<usize>, Unwirable> {
    let text = rest.trim_start_matches('\u{feff}');
    let skipped = rest.len() - text.len();
    let prefix = usize::from(text.starts_with(['r', 'R', 'u', 'U']));
    let body = &text[prefix..];
    let Some(quote) =
        ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| body.starts_with(quote))
    else {
        return Ok(None);
    };
    let mut escaped = false;
    for (offset, c) in body.char_indices().skip(quote.len()) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if body[offset..].starts_with(quote) {
            let end = offset + quote.len();
            let line = body[end..].find('\n').map_or(body.len(), |next| end + next + 1);
            let after = body[end..line].trim();
            if !after.is_empty() && !after.starts_with('#') {
                return Err(Unwirable::Form(
                    "its first line holds more than a docstring".to_owned(),
                ));
            }
            return Ok(Some(skipped + prefix + line));
        }
    }
    Err(Unwirable::Form("its docstring does not end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_comes_after_docstring_and_future_imports_and_before_the_rest() {
        let table = [
            ("", ""),
            ("import airflow\n", ""),
            (
                "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\nimport x\n",
                "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n",
            ),
            (
                "\"\"\"Docs \\\"\"\" of\n\nmany lines.\"\"\"  # c\nimport x\n",
                "\"\"\"Docs \\\"\"\" of\n\nmany lines.\"\"\"  # c\n",
            ),
            (
                "'d'\n# c\n\nfrom __future__ import annotations\nimport x",
                "'d'\n# c\n\nfrom __future__ import annotations\n",
            ),
            (
                "from __future__ import (\n    annotations,\n)\nimport x",
                "from __future__ import (\n    annotations,\n)\n",
            ),
            ("from __future__ import annotations", "from __future__ import annotations"),
        ];
        for (before, head) in table {
            let after = wire(before, Some("dev")).unwrap();
            let ours = &after[after.find(BEGIN).unwrap()..after.find(END).unwrap()];
            let gap = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
            assert!(after.starts_with(&format!("{head}{gap}{BEGIN}")), "{after}");
            assert!(after.ends_with(&format!("{END}\n{}", &before[head.len()..])), "{after}");
            assert!(ours.contains("DAGPASS_ENV\", \"dev\""), "{ours}");
            assert_eq!(wire(&after, None), Err(Unwirable::Already));
        }
    }

    #[test]
    fn what_cannot_be_read_for_sure_is_left_alone() {
        for before in ["\"\"\"never ends", "\"doc\"; import x\n", "from __future__ import \\\n a\n"]
        {
            assert!(matches!(wire(before, None), Err(Unwirable::Form(_))), "{before}");
        }
    }
}
