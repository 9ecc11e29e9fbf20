//! Where a pack and its names go. Nothing that is there is replaced unless that is asked for: the names of a pack
//! that somebody has already are kept nowhere else.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::evidence::Period;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::{EvidenceArgs, on_disk};
use crate::exit::Failure;

#[derive(Debug)]
pub(super) struct Places {
    pub(super) pack: PathBuf,
    names: Option<PathBuf>,
    replaces: bool,
}

impl Places {
    /// May both be written there, as far as that can be told?
    pub(super) fn of(args: &EvidenceArgs, period: &Period) -> Result<Self, Failure> {
        let pack = args.output.clone().unwrap_or_else(|| default_name(period).into());
        let places = Self { pack, names: args.names.clone(), replaces: args.force };
        if let Some(names) = &places.names
            && on_disk::are_one(names, &places.pack)?
        {
            return Err(Failure::usage("--names and the pack itself are one file"));
        }
        for path in std::iter::once(&places.pack).chain(&places.names) {
            on_disk::may_be_made(path, places.replaces)?;
            may_be_written(path)?;
        }
        Ok(places)
    }

    /// The names first: a pack without them may not be made again.
    pub(super) fn put(
        &self,
        pack: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
        names: Option<&str>,
    ) -> Result<(), Failure> {
        if let Some((path, names)) = self.names.as_ref().zip(names) {
            self.make(path, |to| to.write_all(names.as_bytes()))?;
        }
        self.make(&self.pack, pack)
    }

    fn make(
        &self,
        path: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        on_disk::make_private(path, self.replaces, |to| {
            write(to).map_err(|error| on_disk::cannot_write(path, error))
        })
    }
}

/// A file beside it is made and taken away again. A pipe or a device is written to when there is something.
fn may_be_written(path: &Path) -> Result<(), Failure> {
    let there = on_disk::real(path)?;
    if there.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return Ok(());
    }
    if there.is_dir() {
        return Err(Failure::new("io", format!("{} is a folder", path.display())));
    }
    let mut probe = there.into_os_string();
    probe.push(".dagpass-new");
    let probe = PathBuf::from(probe);
    on_disk::keep_anew(&probe, b"")?;
    on_disk::remove(&probe)
}

/// By its days; by its times where it is not of whole days, so that no two periods have one name.
fn default_name(period: &Period) -> String {
    let whole = [period.from, period.to].iter().all(|time| is_midnight(*time));
    let name = |time: Timestamp| match whole {
        true => time.strftime("%Y-%m-%d").to_string(),
        // No system but Unix has a colon in a name.
        false => time.to_string().replace(':', ""),
    };
    let last = Timestamp::from_second(period.to.as_second() - i64::from(whole));
    let last = if whole { last.unwrap_or(period.to) } else { period.to };
    format!("dagpass-evidence-{}-{}.zip", name(period.from), name(last))
}

fn is_midnight(time: Timestamp) -> bool {
    time.to_zoned(TimeZone::UTC).time() == Time::midnight()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: EvidenceArgs,
    }

    fn typed(more: &[&str]) -> EvidenceArgs {
        let args = ["evidence", "--from", "2026-11-01", "--to", "2026-11-30"].iter().chain(more);
        Typed::parse_from(args).args
    }

    #[test]
    fn no_two_periods_have_one_name() {
        for (from, to, name) in [
            ("2026-11-01", "2026-11-30", "2026-11-01-2026-11-30"),
            ("2026-11-24", "2026-11-24", "2026-11-24-2026-11-24"),
            ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-24-2026-11-24"),
            ("2026-11-24", "2026-11-24T12:00:00Z", "2026-11-24T000000Z-2026-11-24T120000Z"),
            ("2026-11-24T06:00:02.5Z", "2026-11-25", "2026-11-24T060002.5Z-2026-11-26T000000Z"),
        ] {
            let period = Period::parse(from, to).unwrap();
            assert_eq!(default_name(&period), format!("dagpass-evidence-{name}.zip"));
        }
    }

    #[test]
    fn what_is_there_stays_unless_it_is_to_be_replaced_and_that_is_known_before_anything_is_signed()
    {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (pack, names) = (path("pack.zip"), path("who.json"));
        let period = Period::parse("2026-11-01", "2026-11-30").unwrap();
        let of = |more: &[&str]| {
            let flags = ["--pseudonymous", "--output"];
            Places::of(&typed(&[&flags, more].concat()), &period)
        };
        let both = [pack.as_str(), "--names", names.as_str()];
        let places = of(&both).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left there");
        places.put(|to| to.write_all(b"pack"), Some("who")).unwrap();
        assert_eq!(fs::read(&pack).unwrap(), b"pack");
        assert_eq!(fs::read(&names).unwrap(), b"who");
        // Either of them, and where it came to be there meanwhile.
        assert_eq!(of(&both).unwrap_err().reply.error, "conflict");
        assert!(places.put(|to| to.write_all(b"other"), Some("other")).is_err());
        fs::remove_file(&pack).unwrap();
        let told = of(&both).unwrap_err();
        assert!(told.reply.error_description.contains("who.json is there already"));
        assert!(told.reply.hint.unwrap().contains("--force"));
        assert_eq!(fs::read(&names).unwrap(), b"who");
        of(&[&both[..], &["--force"]].concat())
            .unwrap()
            .put(|to| to.write_all(b"new"), Some("new"))
            .unwrap();
        assert_eq!(
            (fs::read(&pack).unwrap(), fs::read(&names).unwrap()),
            (b"new".into(), b"new".into())
        );
        for (pack, names, error) in [
            ("one", "one", "invalid_request"),
            ("one.zip", "ONE.zip", "invalid_request"),
            ("none/pack.zip", "who", "io"),
            ("pack", "none/who", "io"),
        ] {
            let told = of(&[&path(pack), "--names", &path(names)]).unwrap_err();
            assert_eq!(told.reply.error, error, "{pack} {names}");
        }
    }
}
