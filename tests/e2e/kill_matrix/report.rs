//! The matrix as it came out, for people: `kill-matrix.txt` in the build folder. Each row is kept in a
//! file of its own, because rows are played by tests that know nothing of each other.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::blows::Blow;
use super::provider::Ground;
use super::steps::Step;

/// Writes the row, and the whole of what there is.
pub(super) fn write(ground: Ground, step: Step, shown: &[&str]) {
    let rows = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill-matrix");
    fs::create_dir_all(&rows).unwrap();
    let lock = fs::File::create(rows.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(rows.join(file(ground, step)), shown.join("\n")).unwrap();
    let mut text = String::new();
    for ground in [Ground::Independent, Ground::Sandbox] {
        table(&mut text, ground, &rows);
    }
    fs::write(rows.parent().unwrap().with_file_name("kill-matrix.txt"), text).unwrap();
}

fn file(ground: Ground, step: Step) -> String {
    format!("{ground:?}-{step:?}")
}

fn table(text: &mut String, ground: Ground, rows: &Path) {
    let mut lines = vec![vec![format!("at {}", ground.name())]];
    lines[0].extend(Blow::ALL.map(|blow| blow.name().to_owned()));
    for step in Step::ALL {
        // A row that was not played here.
        let Ok(row) = fs::read_to_string(rows.join(file(ground, step))) else { continue };
        let mut line = vec![step.name().to_owned()];
        line.extend(row.lines().map(str::to_owned));
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..lines[0].len()).filter_map(width).collect();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end()).unwrap();
    }
    let lost = lines.iter().flatten().filter(|cell| *cell == "lost by SIGKILL").count();
    let played: usize = lines[1..].iter().map(|line| line.len() - 1).sum();
    writeln!(text, "{played} cells, {lost} of them lost by SIGKILL\n").unwrap();
}
