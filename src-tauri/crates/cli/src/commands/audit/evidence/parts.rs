//! The files of a pack while it is made, each with its length and its sums. What is as long as the ledger's lines are
//! is written to a file without a name and never held; the rest is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dagpass_client::ledger::digits;
use sha2::{Digest, Sha256};

use super::on_disk;
use super::zip::{Crc, Packing};
use crate::exit::Failure;

pub(super) struct Parts {
    parts: BTreeMap<String, Part>,
    beside: PathBuf,
}

pub(super) struct Part {
    text: Text,
    pub(super) bytes: u64,
    crc: u32,
    pub(super) sha256: String,
}

enum Text {
    Held(Vec<u8>),
    Kept(File),
}

/// One that is being written.
pub(super) struct Growing {
    to: BufWriter<File>,
    read: File,
    at: PathBuf,
    sums: Sums,
}

/// Of what passes by: how long it is, and what it is known by.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) bytes: u64,
    crc: Crc,
    digest: Sha256,
}

impl Parts {
    /// `pack`: where it will be. The files are made on that disk, unless that is a pipe or a device.
    pub(super) fn beside(pack: &Path) -> Result<Self, Failure> {
        let there = on_disk::real(pack)?;
        let beside = match there.metadata() {
            Ok(about) if !about.is_file() => {
                std::env::temp_dir().join(format!("dagpass-evidence-{}", std::process::id()))
            }
            Ok(_) | Err(_) => there,
        };
        Ok(Self { parts: BTreeMap::new(), beside })
    }

    pub(super) fn hold(&mut self, files: impl IntoIterator<Item = (String, Vec<u8>)>) {
        for (name, bytes) in files {
            let mut sums = Sums::default();
            sums.add(&bytes);
            self.parts.insert(name, sums.part(Text::Held(bytes)));
        }
    }

    /// `name`: another one than what grows meanwhile has.
    pub(super) fn begin(&self, name: &str) -> Result<Growing, Failure> {
        let mut at = self.beside.clone().into_os_string();
        at.push(format!(".{}.dagpass-new", name.replace('/', ".")));
        let at = PathBuf::from(at);
        let (to, read) = on_disk::unnamed(&at)?;
        Ok(Growing { to: BufWriter::new(to), read, at, sums: Sums::default() })
    }

    pub(super) fn end(&mut self, name: String, mut growing: Growing) -> Result<(), Failure> {
        let flushed = growing.to.flush();
        flushed.map_err(|error| on_disk::cannot_write(&growing.at, error))?;
        self.parts.insert(name, growing.sums.part(Text::Kept(growing.read)));
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Part)> {
        self.parts.iter().map(|(name, part)| (name.as_str(), part))
    }

    /// The whole archive.
    pub(super) fn pack<W: Write>(&self, to: W) -> io::Result<W> {
        let mut packing = Packing::to(to);
        for (name, part) in &self.parts {
            packing.file((name, part.bytes, part.crc), |out| part.copy(out))?;
        }
        packing.end()
    }

    /// What is written of the pack, before it is.
    pub(super) fn sums(&self) -> io::Result<Sums> {
        self.pack(Sums::default())
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> super::zip::Files {
        let read = |(name, part): (&String, &Part)| {
            let mut bytes = Vec::new();
            part.copy(&mut bytes).unwrap();
            (name.clone(), bytes)
        };
        self.parts.iter().map(read).collect()
    }
}

impl Part {
    fn copy(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.text {
            Text::Held(bytes) => out.write_all(bytes),
            Text::Kept(file) => {
                let mut file = file;
                file.seek(SeekFrom::Start(0))?;
                match io::copy(&mut file, out)? {
                    all if all == self.bytes => Ok(()),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }
}

impl Growing {
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.sums.add(bytes);
        self.to.write_all(bytes).map_err(|error| on_disk::cannot_write(&self.at, error))
    }
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc.add(bytes);
        self.digest.update(bytes);
    }

    pub(super) fn sha256(&self) -> String {
        digits(&self.digest.clone().finalize())
    }

    fn part(self, text: Text) -> Part {
        Part { bytes: self.bytes, crc: self.crc.value(), sha256: self.sha256(), text }
    }
}

impl Write for Sums {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
