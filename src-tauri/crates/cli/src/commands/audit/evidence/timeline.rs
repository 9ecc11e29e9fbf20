//! The period as a picture: when the agent ran, and when what happened. Counted in columns, so that a year has
//! as many marks as a day.

use dagpass_client::ledger::Line;
use dagpass_client::ledger::evidence::{Kind, Period, Table, millis};
use jiff::Timestamp;

use super::html;
use super::model::Model;

const WIDTH: i64 = 960;
const LEFT: i64 = 92;
const LANE: i64 = 30;
/// Columns that events are counted in.
const COLUMNS: i64 = 144;

const LANES: [(&str, Table); 4] = [
    ("Sign-ins", Table::SignIns),
    ("Tokens", Table::Tokens),
    ("Refusals", Table::Refusals),
    ("Changes", Table::Changes),
];

/// How much happened in each column.
#[derive(Clone)]
pub(super) struct Marks([u64; COLUMNS as usize]);

impl Default for Marks {
    fn default() -> Self {
        Self([0; COLUMNS as usize])
    }
}

impl Marks {
    pub(super) fn take(&mut self, period: &Period, record: &Line) {
        if let Some(time) = millis(&record.time) {
            let count = &mut self.0[Scale::of(period).column(time)];
            *count = count.saturating_add(record.count.unwrap_or(1));
        }
    }
}

struct Scale {
    from: i64,
    to: i64,
}

impl Scale {
    fn of(period: &Period) -> Self {
        Self { from: period.from.as_millisecond(), to: period.to.as_millisecond() }
    }

    fn x(&self, time: i64) -> i64 {
        let along = i128::from(time.clamp(self.from, self.to) - self.from);
        let x = along * i128::from(WIDTH - LEFT) / i128::from((self.to - self.from).max(1));
        LEFT + i64::try_from(x).unwrap_or(0)
    }

    fn column(&self, time: i64) -> usize {
        let column = (self.x(time) - LEFT) * COLUMNS / (WIDTH - LEFT);
        usize::try_from(column.clamp(0, COLUMNS - 1)).unwrap_or(0)
    }
}

pub(super) fn svg(model: &Model) -> String {
    let scale = Scale::of(&model.asked.period);
    let height = LANE * (LANES.len() as i64 + 1) + 26;
    let mut out = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"When the agent ran, and when what happened\">\n"
    );
    out.push_str(&agent(model, &scale));
    for ((name, table), lane) in LANES.iter().zip(1..) {
        out.push_str(&label(name, lane));
        out.push_str(&columns(&model.tables.of(*table).marks, table.name(), lane));
    }
    out.push_str(&axis(&scale, height));
    out.push_str("</svg>\n");
    out
}

fn label(name: &str, lane: i64) -> String {
    let y = lane * LANE + 20;
    format!("<text class=\"lane\" x=\"0\" y=\"{y}\">{name}</text>\n")
}

/// Running wherever no gap says otherwise.
fn agent(model: &Model, scale: &Scale) -> String {
    let bar = |class: &str, from: i64, to: i64, title: &str| {
        let (x, until) = (scale.x(from), scale.x(to));
        // The shortest gap is seen, too.
        let width = (until - x).max(2);
        format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"9\" width=\"{width}\" height=\"14\"><title>{}</title></rect>\n",
            html::text(title)
        )
    };
    let mut out = label("Agent ran", 0);
    out.push_str(&bar("on", scale.from, scale.to, "the agent ran"));
    let made = model.asked.made.as_millisecond();
    if made < scale.to {
        out.push_str(&bar("unknown", made, scale.to, "after this pack was made"));
    }
    for gap in &model.gaps {
        let class = match gap.kind {
            Kind::AgentOff => "off",
            Kind::AgentKilled => "killed",
            Kind::BeforeTheLedger | Kind::AfterTheLedger | Kind::NoLines => "unknown",
            _ => continue,
        };
        let time = |time: &Option<String>| time.as_deref().and_then(millis);
        let from = time(&gap.from).unwrap_or(scale.from);
        let to = time(&gap.until).unwrap_or(made).max(from);
        out.push_str(&bar(class, from, to, gap.kind.title()));
    }
    out
}

fn columns(Marks(counts): &Marks, class: &str, lane: i64) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let base = (lane + 1) * LANE - 4;
    let mut out = format!(
        "<line class=\"base\" x1=\"{LEFT}\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\"/>\n"
    );
    let width = (WIDTH - LEFT) / COLUMNS;
    for (at, count) in (0..).zip(counts).filter(|(_, count)| **count > 0) {
        let part = u128::from(*count) * 20 / u128::from(most);
        let height = i64::try_from(part).unwrap_or(20).max(4);
        let x = LEFT + at * (WIDTH - LEFT) / COLUMNS;
        let y = base - height;
        out.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{height}\"><title>{count}</title></rect>\n",
            (width - 1).max(2)
        ));
    }
    out
}

fn axis(scale: &Scale, height: i64) -> String {
    const MARKS: i64 = 6;
    let days = scale.to - scale.from > 3 * 86_400_000;
    let form = if days { "%Y-%m-%d" } else { "%m-%d %H:%M" };
    let mut out = String::new();
    for mark in 0..=MARKS {
        let time = scale.from + (scale.to - scale.from) / MARKS * mark;
        let (x, y) = (scale.x(time), height - 4);
        let anchor = match mark {
            0 => "start",
            MARKS => "end",
            _ => "middle",
        };
        let shown =
            Timestamp::from_millisecond(time).unwrap_or(Timestamp::MAX).strftime(form).to_string();
        let foot = height - 18;
        out.push_str(&format!(
            "<line class=\"grid\" x1=\"{x}\" y1=\"4\" x2=\"{x}\" y2=\"{foot}\"/><text class=\"mark\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
            html::text(&shown)
        ));
    }
    out
}
