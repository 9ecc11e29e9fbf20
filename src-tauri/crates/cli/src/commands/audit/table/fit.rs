//! How wide is each column, so that a row fits a terminal? Decides over widths alone.

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// Of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// Of its widest cell; 0 where none says anything.
    pub(super) widest: usize,
    /// Narrower than that it says nothing.
    pub(super) least: usize,
    /// What has the highest rank goes first where there is no room; 0 stays.
    pub(super) rank: usize,
}

/// A width for each column, 0 for one that is left out. All that is left out is said elsewhere: on the
/// line itself.
pub(super) fn widths<const N: usize>(wishes: [Wish; N], room: usize) -> [usize; N] {
    let mut shown = wishes.map(|wish| wish.widest > 0);
    let floor = |wish: Wish| wish.widest.min(wish.least);
    let needed = |shown: &[bool; N]| {
        let all = wishes.iter().zip(shown).filter(|(_, shown)| **shown);
        all.map(|(wish, _)| floor(*wish) + GAP).sum::<usize>()
    };
    while needed(&shown) > room + GAP {
        let there = (0..N).filter(|at| shown[*at] && wishes[*at].rank > 0);
        let Some(last) = there.max_by_key(|at| wishes[*at].rank) else { break };
        shown[last] = false;
    }
    let mut left = (room + GAP).saturating_sub(needed(&shown));
    let mut widths = [0; N];
    for at in (0..N).filter(|at| shown[*at]) {
        widths[at] = floor(wishes[at]);
    }
    // The first ranks first: each as much as a name wants, then as most cells want, and then each all of it.
    let mut by_rank: Vec<usize> = (0..N).filter(|at| shown[*at]).collect();
    by_rank.sort_by_key(|at| wishes[*at].rank);
    for most in [NAME, FAIR, usize::MAX] {
        for at in &by_rank {
            let more = wishes[*at].widest.min(most).saturating_sub(widths[*at]).min(left);
            widths[*at] += more;
            left -= more;
        }
    }
    widths
}

/// How wide is a name? One that is cut short names nothing, and a title is still understood.
const NAME: usize = 16;
/// More than that no column gets before all others had as much.
const FAIR: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole_and_what_does_not_shrinks_before_it_goes() {
        let wish = |widest, least, rank| Wish { widest, least, rank };
        let wishes = [wish(10, 10, 0), wish(40, 8, 1), wish(0, 5, 2), wish(40, 6, 3)];
        for (room, expected) in [
            (200, [10, 40, 0, 40]),
            (94, [10, 40, 0, 40]),
            (93, [10, 40, 0, 39]),
            (80, [10, 38, 0, 28]),
            (70, [10, 28, 0, 28]),
            (50, [10, 20, 0, 16]),
            (40, [10, 16, 0, 10]),
            (28, [10, 8, 0, 6]),
            (27, [10, 15, 0, 0]),
            (20, [10, 8, 0, 0]),
            (19, [10, 0, 0, 0]),
            (1, [10, 0, 0, 0]),
        ] {
            let got = widths(wishes, room);
            let row: usize = got.iter().filter(|width| **width > 0).map(|width| width + GAP).sum();
            assert!(row <= room + GAP || room < 10, "{room}: {got:?}");
            assert_eq!(got, expected, "{room}");
        }
    }
}
