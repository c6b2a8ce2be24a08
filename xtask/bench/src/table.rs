//! The table at the end.

/// One line: a figure of Arete's beside the reference's.
pub(crate) struct Row {
    what: String,
    arete: String,
    reference: String,
    ratio: String,
    target: String,
    met: Option<bool>,
}

impl Row {
    /// Figures of one unit and their ratio.
    pub(crate) fn ratio(what: impl Into<String>, unit: &str, arete: f64, reference: f64) -> Self {
        Self { ratio: format!("{:.2}", arete / reference), ..Self::pair(what, unit, arete, reference) }
    }

    /// Figures of one unit and their difference.
    pub(crate) fn difference(what: impl Into<String>, unit: &str, arete: f64, reference: f64) -> Self {
        Self { ratio: format!("{:+.0}", arete - reference), ..Self::pair(what, unit, arete, reference) }
    }

    /// A figure that has nothing beside it.
    pub(crate) fn alone(what: impl Into<String>, unit: &str, arete: f64) -> Self {
        Self { reference: String::new(), ..Self::pair(what, unit, arete, 0.0) }
    }

    fn pair(what: impl Into<String>, unit: &str, arete: f64, reference: f64) -> Self {
        let figure = |value: f64| format!("{} {unit}", thousands(value));
        let (arete, reference) = (figure(arete), figure(reference));
        Self { what: what.into(), arete, reference, ratio: String::new(), target: String::new(), met: None }
    }

    /// What it should be, and whether it is.
    pub(crate) fn target(self, target: &str, met: bool) -> Self {
        Self { target: target.into(), met: Some(met), ..self }
    }
}

/// Prints them.
pub(crate) fn print(rows: &[Row]) {
    println!("\n{:<38}{:>16}{:>16}{:>9}  target", "", "arete", "reference", "ratio");
    for row in rows {
        let met = row.met.map_or("", |met| if met { "  met" } else { "  MISSED" });
        let line =
            format!("{:<38}{:>16}{:>16}{:>9}  {}{met}", row.what, row.arete, row.reference, row.ratio, row.target);
        println!("{}", line.trim_end());
    }
}

/// Three digits are enough, more only confuse.
fn thousands(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
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
        assert_eq!([9.04, 99.96, 1234.5, 1_000_000.0].map(thousands), ["9.0", "100.0", "1,234", "1,000,000"]);
    }
}
