//! Which lines differ between what was signed and what the ledger holds. Looks no further than a window for
//! where the two go on together, and gives up naming lines where there is no end of differences.

use super::merkle::Hash;

/// How far is it looked for where lines go on after some were dropped or put in?
const WINDOW: usize = 4096;
/// How many differences are named?
const MOST: usize = 50;

/// One difference. `signed` is the leaf in what was signed, lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) signed: usize,
    pub(super) line: u64,
    pub(super) what: String,
}

/// From leaf `from` on, up to which both are the same.
pub(super) fn differences(signed: &[Hash], found: &[Hash], from: usize) -> Vec<Difference> {
    let (mut i, mut j) = (from, from);
    let mut all: Vec<Difference> = Vec::new();
    while let (Some(was), Some(is)) = (signed.get(i), found.get(j)) {
        if was == is {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        if all.len() == MOST {
            all.push(at(i, j, "and more from here on".to_owned()));
            return all;
        }
        let (difference, past) = one(&signed[i..], &found[j..], (i, j));
        all.push(difference);
        (i, j) = (i + past.0, j + past.1);
    }
    if i < signed.len() {
        let gone = signed.len() - i;
        let what = format!("{} cut off behind line {j}", were(gone));
        all.push(Difference { signed: i, line: j as u64, what });
    }
    all
}

/// The difference that both begin with, and how far it reaches in each.
fn one(signed: &[Hash], found: &[Hash], (i, j): (usize, usize)) -> (Difference, (usize, usize)) {
    if let ([a, b, ..], [c, d, ..]) = (signed, found)
        && (a, b) == (d, c)
    {
        let what = format!("lines {} and {} changed places", j + 1, j + 2);
        return (at(i, j, what), (2, 2));
    }
    let same_rest = match (signed.get(1), found.get(1)) {
        (Some(was), Some(is)) => was == is,
        (None, None) => true,
        (None, Some(_)) | (Some(_), None) => false,
    };
    if same_rest {
        return (at(i, j, format!("line {} was edited", j + 1)), (1, 1));
    }
    let within =
        |lines: &[Hash], wanted: &Hash| lines.iter().take(WINDOW).position(|line| line == wanted);
    let dropped = within(signed, &found[0]).map(|gone| {
        let what = format!("{} dropped before line {}", were(gone), j + 1);
        (at(i, j, what), (gone, 0))
    });
    let put_in = within(found, &signed[0]).map(|more| {
        let what = format!("{} put in at line {}", were(more), j + 1);
        (at(i, j, what), (0, more))
    });
    let nearer = match (dropped, put_in) {
        (Some(a), Some(b)) if a.1.0 > b.1.1 => Some(b),
        (a, b) => a.or(b),
    };
    nearer.unwrap_or_else(|| {
        let pairs = signed.iter().zip(found);
        let edited = pairs.take(WINDOW).take_while(|(was, is)| was != is).count();
        let what = match edited {
            1 => format!("line {} was edited", j + 1),
            many => format!("lines {} to {} were edited", j + 1, j + many),
        };
        (at(i, j, what), (edited, edited))
    })
}

fn at(i: usize, j: usize, what: String) -> Difference {
    Difference { signed: i, line: j as u64 + 1, what }
}

fn were(count: usize) -> String {
    if count == 1 { "1 line was".to_owned() } else { format!("{count} lines were") }
}
