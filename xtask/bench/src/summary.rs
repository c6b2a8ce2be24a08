//! The figures that have targets, in short: what the README shows.

use crate::table::{self, Row};

const HEAD: [&str; 4] = ["What", "Measured", "Target", ""];

/// A table of what the targets name, in the order it was measured.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let verdicts = rows.iter().filter_map(|row| row.verdict.as_ref());
    let cells: Vec<_> = verdicts
        .filter_map(|verdict| {
            let what = verdict.headline.clone()?;
            Some([what, verdict.value.clone(), verdict.target.clone(), verdict.word().to_owned()])
        })
        .collect();
    table::lines(&HEAD, &cells, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Verdict;

    #[test]
    fn only_headlines_are_told() {
        let row = |verdict| Row { verdict: Some(verdict), ..Row::new("case", "side") };
        let told = Verdict::at_least(0.5, 0.7).headline("a miss, to native");
        let text = markdown(&[row(Verdict::at_least(0.9, 0.7)), row(told), Row::new("case", "side")]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.ends_with("| a miss, to native |     0.50 | ≥ 0.70 | **not met** |\n"), "{text}");
    }
}
