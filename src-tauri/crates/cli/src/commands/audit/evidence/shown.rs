//! What a pack's verdict says to a person, and what nobody can prove by a pack.

use super::verify::Verdict;
use crate::output;

const NOT_PROVED: &str = "not proved: events that were never written; lines of the period before the first or \
     behind the last one here, which may be left out; whose machine it was; and that no other history was \
     signed by the same key";

impl Verdict {
    pub(super) fn shown(&self) -> String {
        let Verdict { files, records, gaps, lines, covered, checkpoints, .. } = self;
        let [title, machine, from, to] =
            [&self.title, &self.machine, &self.from, &self.to].map(|one| output::word(one));
        let mut told = vec![
            format!("{title}: {machine}, {from} to {to}"),
            format!(
                "{files} files are those of the manifest; {records} records, {gaps} gaps named in it"
            ),
            format!(
                "{covered} of {lines} lines are what {checkpoints} checkpoints were signed over"
            ),
        ];
        told.extend(self.cosigned.map(|cosigned| {
            format!(
                "{cosigned} of {lines} lines are under a checkpoint that the witnesses cosigned"
            )
        }));
        if self.line_proofs > 0 {
            let count = self.line_proofs;
            told.push(format!("{count} files prove one line each, and hold by themselves"));
        }
        told.push(match (&self.signed_by, self.record) {
            (Some(key), Some(record)) => {
                format!(
                    "the manifest is signed by {key}; record {record} of the ledger tells of it"
                )
            }
            (_, _) => "the manifest is NOT signed, as it says itself".to_owned(),
        });
        told.push(match self.tables_made_again {
            true => "the tables were made again from the lines, and are the same".to_owned(),
            false => {
                "the tables were not made again: a pseudonymous pack, or one of another version"
                    .to_owned()
            }
        });
        told.extend(self.notes.iter().map(|note| output::word(note)));
        if self.key_from != "given" {
            told.push("the keys are those in the pack, which anybody could have put there: give yours with --key".to_owned());
        }
        told.push(NOT_PROVED.to_owned());
        told.join("\n")
    }
}
