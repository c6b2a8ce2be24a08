//! The first word of documentation: a noun phrase says what a type or a field is, a verb what a
//! function does. Blocks that begin with a question word do neither, and their number may only
//! fall.

use super::file::File;

/// So many blocks may begin with a question word. May only fall.
const CEILING: usize = 50;
/// The ceiling is to be lowered when the number is so far below.
const SLACK: usize = 10;

/// The places whose documentation is counted.
const PLACES: &[&str] = &[
    "conformance",
    "guest-build",
    "host/src",
    "mock-vendor/src",
    "plugin-kit",
    "plugins",
    "vars",
    "xtask",
];

const QUESTION_WORDS: &[&str] =
    &["What", "Who", "Whether", "How", "Whose", "Which", "Why", "Where"];

/// The number of blocks of documentation, and of those that begin with a question word.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count {
    all: usize,
    questions: usize,
}

/// Complains if there are more such blocks than there may be.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let count = count(files);
    if count.questions <= CEILING {
        return Vec::new();
    }
    vec![format!(
        "{} blocks of documentation begin with What, Who, Whether, How, Whose, Which, Why or Where, and {CEILING} may: say what it is (a noun) or does (a verb)",
        count.questions
    )]
}

/// Returns the numbers in words, and a reminder if the ceiling is far above them.
pub(super) fn report(files: &[File]) -> String {
    let count = count(files);
    let share = 100.0 * count.questions as f64 / count.all.max(1) as f64;
    let mut report = format!(
        "{} of {} blocks of documentation ({share:.1} %) begin with a question word; {CEILING} may.",
        count.questions, count.all
    );
    if count.questions + SLACK <= CEILING {
        report +=
            &format!(" Lower the ceiling in xtask/src/tidy/doc_grammar.rs to {}.", count.questions);
    }
    report
}

fn count(files: &[File]) -> Count {
    let mut count = Count::default();
    for file in files.iter().filter(|file| file.is("rs") && file.within(PLACES)) {
        let mut before = None;
        for line in file.text.lines().map(str::trim_start) {
            let mark = ["///", "//!"].into_iter().find(|mark| line.starts_with(mark));
            if let Some(mark) = mark.filter(|_| mark != before) {
                count.all += 1;
                let text = line.trim_start_matches(mark).trim_start();
                let word = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                count.questions += usize::from(QUESTION_WORDS.contains(&word));
            }
            before = mark;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_by_their_first_word() {
        let text = "//! What is here.\n\n/// The size.\n/// Which is counted once.\nfn a() {}\n    /// Whether.\n    b: bool,\n/// Whatever\n// Who\n";
        let file = |path: &str| File { path: path.into(), text: text.into() };
        let files = [file("host/src/a.rs"), file("upstream/src/lib.rs"), file("plugins/README.md")];
        assert_eq!(count(&files), Count { all: 4, questions: 2 });
    }
}
