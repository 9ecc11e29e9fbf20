//! The two programs as they ship: release profile, thin LTO, without the sandbox in the build. Prints
//! their sizes.

use std::fs;

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

pub(crate) const ADDS: &str =
    "the two programs as they ship (thin LTO, some ten minutes), and their sizes";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    Shell::new("cargo")
        .words("build --release --locked --package dagpass --bins")
        .inside(&house.root)
        .run()?;
    for program in ["dagpass", "dagpass-agent"] {
        let path = house
            .target
            .join("release")
            .join(program)
            .with_extension(std::env::consts::EXE_EXTENSION);
        let size = fs::metadata(&path).map_err(|e| Failure::at(&path, &e))?.len();
        say(&format!("{program}: {:.1} MB", mega(size)));
    }
    Ok(Outcome::Done)
}

fn mega(bytes: u64) -> f64 {
    // Tenths are enough, and a program is far below what an f64 holds exactly.
    f64::from(u32::try_from(bytes / 100_000).unwrap_or(u32::MAX)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::mega;

    #[test]
    fn a_size_is_told_in_tenths_of_a_megabyte() {
        assert_eq!(format!("{:.1}", mega(18_345_678)), "18.3");
    }
}
