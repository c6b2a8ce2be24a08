//! The table that all figures end in, as Markdown that is aligned, so that it reads in a terminal
//! too.

use crate::rounds::Measured;

/// One line: a side of a case. Times are in microseconds, memory in bytes.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) side: String,
    pub(crate) per_second: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// The median's distance from that of asking the vendor directly.
    pub(crate) added: Option<f64>,
    pub(crate) cpu: Option<f64>,
    /// The share of its cores that the server used, and that of the load.
    pub(crate) busy: Option<f64>,
    pub(crate) load_busy: Option<f64>,
    pub(crate) first: Option<f64>,
    pub(crate) tokens: Option<f64>,
    pub(crate) memory: Option<f64>,
    /// Requests per second to the reference's.
    pub(crate) ratio: Option<f64>,
    /// The reference's processors' time to its own: 1 is equal and less is worse, as with the
    /// other ratio.
    pub(crate) cpu_ratio: Option<f64>,
    pub(crate) verdict: Option<Verdict>,
}

/// A figure that has a target.
pub(crate) struct Verdict {
    /// Its subject in the words of the README; none, if the README needn't tell.
    pub(crate) headline: Option<String>,
    pub(crate) value: String,
    pub(crate) target: String,
    pub(crate) met: bool,
    /// The rule that it was judged by, if that isn't plain.
    pub(crate) by: Option<&'static str>,
}

const HEAD: [&str; 14] = [
    "Case",
    "Side",
    "Requests/s",
    "p50",
    "p99",
    "Added",
    "CPU a request",
    "Busy",
    "First token",
    "Tokens/s",
    "Memory",
    "Ratio",
    "CPU ratio",
    "Target",
];
/// The questions that the table leaves open.
pub(crate) const LEGEND: &str = "\
Figures are of the median round, ratios are medians of the rounds' own. Added: p50 above that of asking the vendor directly.
CPU a request: user and system, of the server alone. Busy, load: what the server used of its cores, and what the vendor and
the clients used of theirs. Memory: the most the process had during the case. Ratio: requests per second, to native or to
the bare route; CPU ratio: processors' time, turned so that less than 1 is worse here too. Where the reference used less
than 90 % of its cores, a target is judged by CPU.";
/// So many columns are words; the others are figures, which stand on the right.
const WORDS: usize = 2;

impl Row {
    /// A line of nothing but its names.
    pub(crate) fn new(case: impl Into<String>, side: impl Into<String>) -> Self {
        Self { case: case.into(), side: side.into(), ..Self::default() }
    }

    /// Returns the figures of a side. `tokens` is the number in each answer, if it is a stream.
    pub(crate) fn of(case: impl Into<String>, side: &Measured, tokens: Option<usize>) -> Self {
        let per_second = side.median(|round| Some(round.per_second));
        Self {
            per_second,
            p50: side.median(|round| round.p50),
            p99: side.median(|round| round.p99),
            cpu: side.median(|round| round.cpu),
            busy: side.median(|round| round.busy),
            load_busy: side.median(|round| round.load_busy),
            first: side.median(|round| round.first),
            tokens: per_second.zip(tokens).map(|(answers, tokens)| answers * tokens as f64),
            memory: side.peak.map(|bytes| bytes as f64),
            ..Self::new(case, side.name.clone())
        }
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let told =
            |figure: Option<f64>, tell: fn(f64) -> String| figure.map_or_else(String::new, tell);
        [
            self.case.clone(),
            self.side.clone(),
            told(self.per_second, number),
            told(self.p50, time),
            told(self.p99, time),
            told(self.added, time),
            told(self.cpu, time),
            [self.busy, self.load_busy]
                .map(|share| told(share, percent))
                .join(", ")
                .trim_matches([',', ' '])
                .to_owned(),
            told(self.first, time),
            told(self.tokens, number),
            told(self.memory, memory),
            told(self.ratio, ratio),
            told(self.cpu_ratio, ratio),
            self.verdict.as_ref().map_or_else(String::new, Verdict::text),
        ]
    }
}

impl Verdict {
    /// Returns true if a ratio is at least this.
    pub(crate) fn at_least(value: f64, least: f64) -> Self {
        let (value, target, met) = (ratio(value), format!("≥ {least:.2}"), least <= value);
        Self { headline: None, value, target, met, by: None }
    }

    /// Returns true if a figure, shown like this, is at most that.
    pub(crate) fn at_most(value: f64, most: f64, show: fn(f64) -> String) -> Self {
        let (met, value, target) = (value <= most, show(value), format!("≤ {}", show(most)));
        Self { headline: None, value, target, met, by: None }
    }

    pub(crate) fn headline(self, what: impl Into<String>) -> Self {
        Self { headline: Some(what.into()), ..self }
    }

    pub(crate) fn text(&self) -> String {
        let by = self.by.map_or_else(String::new, |by| format!(", by {by}"));
        format!("{} {}{by}", self.target, self.word())
    }

    pub(crate) fn word(&self) -> &'static str {
        if self.met { "met" } else { "**not met**" }
    }
}

/// The whole table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut last = "";
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let mut cells = row.cells();
            // A case is named once.
            if row.case == last {
                cells[0].clear();
            }
            last = &row.case;
            cells
        })
        .collect();
    lines(&HEAD, &cells, WORDS)
}

/// A table of these cells, its first columns to the left and the others, but for the last, to the
/// right.
pub(crate) fn lines<const N: usize>(
    head: &[&str; N],
    rows: &[[String; N]],
    words: usize,
) -> String {
    let right = |column: usize| words <= column && column + 1 < N;
    let length = |text: &str| text.chars().count();
    let width: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| length(&row[column]));
        cells.chain([length(head[column]), 3]).max().unwrap_or_default()
    });
    let line = |cells: [&str; N]| {
        let padded: [String; N] = std::array::from_fn(|column| {
            let space = " ".repeat(width[column].saturating_sub(length(cells[column])));
            if right(column) { space + cells[column] } else { cells[column].to_owned() + &space }
        });
        format!("| {} |\n", padded.join(" | "))
    };
    let rule: [String; N] = std::array::from_fn(|column| {
        let dashes = "-".repeat(width[column] - usize::from(right(column)));
        if right(column) { dashes + ":" } else { dashes }
    });
    let mut text = line(*head) + &format!("| {} |\n", rule.join(" | "));
    for row in rows {
        text += &line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}

/// Microseconds.
pub(crate) fn time(us: f64) -> String {
    if us.abs() < 10_000.0 {
        format!("{} µs", number(us))
    } else {
        format!("{} ms", number(us / 1e3))
    }
}

/// Bytes.
pub(crate) fn memory(bytes: f64) -> String {
    let mib = bytes / f64::from(1 << 20);
    if mib.abs() < 1.0 {
        format!("{} KiB", number(bytes / 1024.0))
    } else {
        format!("{} MiB", number(mib))
    }
}

pub(crate) fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Three digits are enough, more only confuse.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_easily() {
        let numbers = [9.04, 99.96, 1234.5, 1_000_000.0, -1500.0].map(number);
        assert_eq!(numbers, ["9.0", "100", "1,234", "1,000,000", "-1,500"]);
        assert_eq!([time(9_999.0), time(97_400.0)], ["9,999 µs", "97.4 ms"]);
        assert_eq!([memory(2048.0), memory(41_943_040.0)], ["2.0 KiB", "40.0 MiB"]);
    }

    #[test]
    fn a_table_is_markdown_and_aligned() {
        let mut row = Row::new("miss", "fresh");
        row.ratio = Some(0.7);
        row.verdict = Some(Verdict::at_least(0.699, 0.7));
        let text = markdown(&[Row::new("miss", "native"), row]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines.iter().all(|line| line.chars().count() == lines[0].chars().count()),
            "{text}"
        );
        assert!(lines[1].starts_with("| ---- | ------ | ---------: |"), "{text}");
        assert!(lines[3].starts_with("|      | fresh  |"), "a case is named once: {text}");
        assert!(lines[3].ends_with("|  0.70 |           | ≥ 0.70 **not met** |"), "{text}");
    }

    #[test]
    fn a_target_that_is_just_reached_is_met() {
        assert!(Verdict::at_least(0.7, 0.7).met);
        assert!(Verdict::at_most(100_000.0, 100_000.0, time).met);
        assert_eq!(Verdict::at_most(100_001.0, 1e5, time).text(), "≤ 100 ms **not met**");
    }
}
