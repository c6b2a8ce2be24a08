//! The figures that have targets, in short: the table of `docs/performance.md`.

use std::fs;

use anyhow::{Context, Result};

use crate::table::{self, Row};

/// The lines that they stand between.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");
const BEGIN: &str = "<!-- made by cargo xtask bench --readme -->\n";
const END: &str = "<!-- end -->\n";

const HEAD: [&str; 4] = ["What", "Measured", "Target", ""];

/// A table of what the targets name, in the order it was measured.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let verdicts = rows.iter().filter_map(|row| row.verdict.as_ref());
    let cells: Vec<_> = verdicts
        .filter_map(|verdict| {
            let what = verdict.headline.clone()?;
            let by = verdict.by.map_or_else(String::new, |by| format!(" ({by})"));
            Some([
                what,
                verdict.value.clone() + &by,
                verdict.target.clone(),
                verdict.word().to_owned(),
            ])
        })
        .collect();
    table::lines(&HEAD, &cells, 1)
}

/// Writes it into the page, with when and on what it was measured.
pub(crate) fn write(summary: &str, machine: &str) -> Result<()> {
    let page = fs::read_to_string(PAGE).context("docs/performance.md can't be read")?;
    let measured = format!("Measured on {}: {}", jiff::Zoned::now().date(), machine.trim_end());
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("docs/performance.md has no line {BEGIN}"))?;
    let (_, after) =
        rest.split_once(END).with_context(|| format!("docs/performance.md has no line {END}"))?;
    fs::write(PAGE, [before, BEGIN, "\n", &measured, "\n\n", summary, "\n", END, after].concat())?;
    println!("docs/performance.md has the figures that have targets.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Verdict;

    #[test]
    fn only_headlines_are_told() {
        let row = |verdict| Row { verdict: Some(verdict), ..Row::new("case", "side") };
        let told = Verdict::at_least(0.5, 0.7).headline("a miss, to native");
        let text =
            markdown(&[row(Verdict::at_least(0.9, 0.7)), row(told), Row::new("case", "side")]);
        assert_eq!(text.lines().count(), 3);
        assert!(
            text.ends_with("| a miss, to native |     0.50 | ≥ 0.70 | **not met** |\n"),
            "{text}"
        );
    }
}
