//! Lanes: who is in them, and how much of their share they have had.

use serde::{Deserialize, Serialize};

/// What nobody sees the origin of: it may be in any lane, and has a share of its own, the least of all.
pub const UNSEEN_LANE: &str = "?";

/// One share as it is now. All times are epoch seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// As the config has it, or [`UNSEEN_LANE`].
    pub name: String,
    /// Absent: it has no quota of them, and nobody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<LaneCount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<LaneCount>,
    /// Where one of them is spent: when there is room again. Absent too where no time would help (a quota of 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_at: Option<i64>,
    /// The runs that go on in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
    /// Who asked last, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LaneCaller>,
}

/// Within the last hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCount {
    pub used: u64,
    pub most: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCaller {
    /// As far as the system shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    pub at: i64,
}

impl LaneCount {
    pub const fn left(self) -> u64 {
        self.most.saturating_sub(self.used)
    }
}

impl LaneStatus {
    pub fn is_spent(&self) -> bool {
        [self.tokens, self.audiences].into_iter().flatten().any(|count| count.left() == 0)
    }
}
