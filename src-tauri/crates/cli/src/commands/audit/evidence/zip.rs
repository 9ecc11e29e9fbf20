//! The pack's archive: a zip whose files are stored as they are, in the order of their names, with the zip
//! format's first day for a date (PKWARE APPNOTE 4.3). The same files give the same bytes, so whoever reads one
//! makes it again and compares: there is no byte that nobody looks at, and no name is ever a path of a file.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// What is in it, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// How long may a pack be? Whoever verifies one has it in memory.
pub(super) const LONGEST: usize = 1024 * 1024 * 1024;
/// And how many files may be in it? Two bytes say that.
const MOST_FILES: usize = 10_000;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// 1980-01-01.
const DAY: u16 = 0x21;
/// Version 1.0 of the format is all it takes; made by a system whose rights mean nothing here.
const VERSION: u16 = 10;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;

/// May files of these names and lengths be packed?
pub(super) fn fits<'n>(
    files: impl IntoIterator<Item = (&'n str, u64)>,
) -> Result<(), &'static str> {
    let (count, length) =
        files.into_iter().fold((0_usize, 0_u64), |(count, length), (name, bytes)| {
            let head = (LOCAL_LENGTH + name.len()) as u64;
            (count + 1, length.saturating_add(bytes).saturating_add(head))
        });
    if length > LONGEST as u64 {
        return Err(TOO_LONG);
    }
    if count > MOST_FILES { Err(TOO_MANY) } else { Ok(()) }
}

/// An archive as it is written, its files one after the other by their names.
pub(super) struct Packing<W> {
    out: W,
    /// How much of it was written.
    at: u64,
    directory: Vec<u8>,
    count: u16,
}

impl<W: Write> Packing<W> {
    pub(super) fn to(out: W) -> Self {
        Self { out, at: 0, directory: Vec::new(), count: 0 }
    }

    /// A file of that checksum; `write` gives as many bytes.
    pub(super) fn file(
        &mut self,
        (name, bytes, crc): (&str, u64, u32),
        write: impl FnOnce(&mut W) -> io::Result<()>,
    ) -> io::Result<()> {
        let head = head(name, bytes, crc).map_err(io::Error::other)?;
        let offset = u32::try_from(self.at).map_err(|_| io::Error::other(TOO_LONG))?;
        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&head);
        // Neither comment, disk, nor attributes.
        self.directory.extend([0; 2 + 2 + 2 + 4]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count = self.count.checked_add(1).ok_or_else(|| io::Error::other(TOO_MANY))?;
        for part in [&LOCAL, head.as_slice(), name.as_bytes()] {
            self.out.write_all(part)?;
        }
        write(&mut self.out)?;
        self.at += (LOCAL_LENGTH + name.len()) as u64 + bytes;
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<W> {
        let length = u32::try_from(self.directory.len()).map_err(io::Error::other)?;
        let offset = u32::try_from(self.at).map_err(io::Error::other)?;
        self.out.write_all(&self.directory)?;
        self.out.write_all(b"PK\x05\x06\0\0\0\0")?;
        self.out.write_all(&[self.count, self.count].map(u16::to_le_bytes).concat())?;
        self.out.write_all(&[length, offset].map(u32::to_le_bytes).concat())?;
        self.out.write_all(&[0; 2])?;
        Ok(self.out)
    }
}

pub(super) fn packed(files: &Files) -> Result<Vec<u8>, &'static str> {
    fits(files.iter().map(|(name, bytes)| (name.as_str(), bytes.len() as u64)))?;
    let packed = || {
        let mut packing = Packing::to(Vec::new());
        for (name, bytes) in files {
            let file = (name.as_str(), bytes.len() as u64, Crc::of(bytes));
            packing.file(file, |out| out.write_all(bytes))?;
        }
        packing.end()
    };
    // Into memory, and it fits.
    packed().map_err(|_: io::Error| TOO_LONG)
}

const TOO_MANY: &str = "a pack has more files than one may have";
const TOO_LONG: &str = "a pack is longer than 1 GiB";

/// What stands before a file and, the same, in the directory.
fn head(name: &str, bytes: u64, crc: u32) -> Result<Vec<u8>, &'static str> {
    let length = u32::try_from(bytes).map_err(|_| TOO_LONG)?;
    let name = u16::try_from(name.len()).map_err(|_| "a name is too long")?;
    let mut head = Vec::with_capacity(LOCAL_LENGTH);
    head.extend([VERSION, FLAGS, 0, 0, DAY].map(u16::to_le_bytes).concat());
    head.extend([crc, length, length].map(u32::to_le_bytes).concat());
    head.extend([name, 0].map(u16::to_le_bytes).concat());
    Ok(head)
}

/// Only what [`packed`] makes.
pub(super) fn unpacked(archive: &[u8]) -> Result<Files, &'static str> {
    const SHORT: &str = "the archive is cut short";
    if archive.len() > LONGEST {
        return Err(TOO_LONG);
    }
    let (mut files, mut rest) = (Files::new(), archive);
    while let Some(file) = rest.strip_prefix(&LOCAL) {
        let head = file.get(..LOCAL_LENGTH - LOCAL.len()).ok_or(SHORT)?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize)
        };
        let (length, name) = (number(14), number(22) & 0xffff);
        let file = &file[head.len()..];
        let (name, file) = file.split_at_checked(name).ok_or(SHORT)?;
        let (bytes, after) = file.split_at_checked(length).ok_or(SHORT)?;
        let name = str::from_utf8(name).map_err(|_| "a name in the archive is no text")?;
        if files.len() == MOST_FILES || files.insert(name.to_owned(), bytes.to_vec()).is_some() {
            return Err("the archive has too many files, or one of them twice");
        }
        rest = after;
    }
    if files.is_empty() {
        return Err("it is no archive that dagpass made");
    }
    if packed(&files)? != archive {
        return Err("the archive itself was changed: it is not as dagpass packs it");
    }
    Ok(files)
}

/// CRC-32 of IEEE 802.3, as a zip has it: it proves nothing, and other programs look at it.
#[derive(Clone, Copy, Default)]
pub(super) struct Crc(u32);

impl Crc {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let step =
            |crc: u32, byte: &u8| (crc >> 8) ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)];
        self.0 = !bytes.iter().fold(!self.0, step);
    }

    pub(super) fn value(self) -> u32 {
        self.0
    }

    pub(super) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::default();
        crc.add(bytes);
        crc.value()
    }
}

const TABLE: [u32; 256] = {
    let (mut table, mut at) = ([0_u32; 256], 0);
    while at < 256 {
        let (mut crc, mut bit) = (at as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        let of = |(name, text): (&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
        [
            ("data/tokens.json", "[]\n"),
            ("ledger/lines.jsonl", ""),
            ("report.html", "<!doctype html>"),
        ]
        .map(of)
        .into()
    }

    #[test]
    fn what_is_packed_is_the_same_each_time_and_read_again() {
        let archive = packed(&files()).unwrap();
        assert_eq!(packed(&files()).unwrap(), archive);
        assert_eq!(unpacked(&archive).unwrap(), files());
        assert_eq!(Crc::of(b"123456789"), 0xcbf4_3926, "the check value of CRC-32/ISO-HDLC");
    }

    #[test]
    fn what_does_not_fit_is_known_before_it_is_packed() {
        let files = files();
        let with = |more: &[(&str, u64)]| {
            let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.len() as u64));
            fits(files.chain(more.iter().copied()))
        };
        assert_eq!(with(&[("manifest.note", 9)]), Ok(()));
        let length: usize = files.iter().map(|(name, bytes)| 30 + name.len() + bytes.len()).sum();
        let room = (LONGEST - length - LOCAL_LENGTH - "more".len()) as u64;
        assert_eq!(with(&[("more", room)]), Ok(()));
        assert_eq!(with(&[("more", room + 1)]), Err(TOO_LONG));
        let many: Files = (0..MOST_FILES).map(|n| (n.to_string(), vec![])).collect();
        let all = || many.keys().map(|name| (name.as_str(), 0));
        assert_eq!((fits(all()), fits(all().chain([("more", 0)]))), (Ok(()), Err(TOO_MANY)));
    }

    #[test]
    fn other_programs_read_it() {
        let archive = packed(&files()).unwrap();
        let mut read = ::zip::ZipArchive::new(io::Cursor::new(archive)).unwrap();
        let mut names = Vec::new();
        for at in 0..read.len() {
            let mut file = read.by_index(at).unwrap();
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            assert_eq!(files().get(file.name()), Some(&bytes));
            names.push(file.name().to_owned());
        }
        assert_eq!(names, files().into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn a_byte_flipped_dropped_or_added_anywhere_is_no_pack_or_has_other_files() {
        let archive = packed(&files()).unwrap();
        for at in 0..archive.len() {
            for bit in [0, 7] {
                let mut bent = archive.clone();
                bent[at] ^= 1 << bit;
                assert!(unpacked(&bent).is_err(), "byte {at}");
            }
            assert!(unpacked(&archive[..at]).is_err(), "cut at {at}");
        }
        assert!(unpacked(&[&archive[..], b"\0"].concat()).is_err());
        assert!(unpacked(&[b"\0", &archive[..]].concat()).is_err());
        let twice = [&archive[..60], &archive[..]].concat();
        assert!(unpacked(&twice).is_err());
    }
}
