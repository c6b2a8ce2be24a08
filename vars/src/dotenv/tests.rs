//! Each rule of `.env`, and the reader that was used before for comparison.

use proptest::prelude::*;

use super::*;

fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([("HOME".to_owned(), "/home/ada".to_owned())])
}

/// The value of `KEY` in a file.
fn key(text: &str) -> Result<String, String> {
    let mut vars = parse(text, &environment()).map_err(|error| error.to_string())?;
    Ok(vars.remove("KEY").expect("a value"))
}

#[track_caller]
fn assert_kept(value: &str) {
    assert_eq!(key(&format!("KEY={value}\n")), Ok(value.to_owned()));
}

#[track_caller]
fn assert_refused(text: &str, starts: &str, says: &str) {
    let problem = key(text).unwrap_err();
    assert!(problem.starts_with(starts) && problem.contains(says), "{text:?}: {problem}");
}

#[test]
fn variables_of_variables_come_to_no_more_than_their_bound() {
    let doubled = |lines: usize| {
        let lines = (1..=lines).map(|n| format!("A{n}=${{A{}}}${{A{}}}\n", n - 1, n - 1));
        format!("A0=0123456789\n{}KEY=a", lines.collect::<String>())
    };
    assert_eq!(key(&doubled(15)), Ok("a".into()));
    let says = "the values of all ${NAME} come to more than 1 MiB";
    assert_refused(&doubled(40), ".env line 17: with A16 ", says);
}

#[test]
fn a_dollar_sign_in_a_key_is_kept_as_it_is_written() {
    for value in [
        "sk-ant-a1b2$c3d4$e5f6",
        "$c3d4",
        "a$",
        "a$$b",
        "$-$.$/",
        "p$5",
        "$_x",
        "$HOMELAND",
        "a#b",
        "a=b==",
        "ключ$ключ",
    ] {
        assert_kept(value);
        assert_eq!(key(&format!("KEY=\"{value}\"")), Ok(value.to_owned()));
        assert_eq!(key(&format!("KEY='{value}' # a comment")), Ok(value.to_owned()));
    }
    assert_eq!(key("KEY=a\\$HOME"), Ok("a$HOME".to_owned()));
    assert_eq!(key("KEY='a${HOME}$HOME'"), Ok("a${HOME}$HOME".to_owned()));
}

#[test]
fn a_variable_in_braces_is_its_value() {
    assert_eq!(key("KEY=${HOME}/a"), Ok("/home/ada/a".to_owned()));
    assert_eq!(key("A=b\nKEY=\"${A} ${HOME}\""), Ok("b /home/ada".to_owned()));
    assert_eq!(key("HOME=/root\nKEY=${HOME}"), Ok("/home/ada".to_owned()), "the environment wins");
}

#[test]
fn a_dollar_sign_that_can_be_meant_in_two_ways_is_refused_by_its_line() {
    let two = "write ${NAME} for the variable's value";
    assert_refused("# a\n\nKEY=sk-$HOME", ".env line 3: KEY has a $ with the name of", two);
    assert_refused("C3=x\nKEY=sk-$C3$d4", ".env line 2: KEY ", two);
    assert_refused("KEY=\"$HOME/a\"", ".env line 1: KEY ", two);
    assert_refused("KEY=$HOME_a", ".env line 1: KEY ", two);
    assert_refused(
        "KEY=sk-${c3d4}",
        ".env line 1: KEY has a ${…} that names nothing",
        "single quotes",
    );
    assert_refused("KEY=sk-${c3", ".env line 1: KEY has a ${ that isn't", "single quotes");
    assert_refused("KEY=sk-${A:-b}", ".env line 1: KEY has a ${ that isn't", "single quotes");
    for text in ["KEY=sk-secret$HOME", "KEY=sk-${secret}", "KEY=sk-secret \"x", "sk-secret x"] {
        assert!(!key(text).unwrap_err().contains("secret"), "{text}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_part_of_a_value() {
    assert_eq!(key("\u{feff}KEY=a\r\nB=c\r\n"), Ok("a".to_owned()));
    assert_eq!(key("A=b\r\nKEY='c'\r\n"), Ok("c".to_owned()));
    assert_eq!(key("KEY=\"a\r\nb\"\r\n"), Ok("a\nb".to_owned()));
    assert_eq!(key("A=b\r\nKEY=c\r"), Ok("c".to_owned()));
    assert_refused("A=b\r\n\r\nKEY=a b\r\n", ".env line 3: KEY ", "into quotes");
}

#[test]
fn backslashes_and_quotes_have_rules() {
    assert_eq!(key(r#"KEY="a\nb\\c\"d""#), Ok("a\nb\\c\"d".to_owned()));
    assert_eq!(key(r"KEY='C:\new\'"), Ok(r"C:\new\".to_owned()));
    assert_eq!(key(r"KEY=it\'s\ so"), Ok("it's so".to_owned()));
    assert_eq!(key("KEY=\"it's\""), Ok("it's".to_owned()));
    assert_eq!(key("KEY=a'b c'\"d\""), Ok("ab cd".to_owned()), "as in a shell");
    assert_eq!(key("KEY='a\nb'"), Ok("a\nb".to_owned()));
    assert_refused(r"KEY=C:\data", ".env line 1: KEY has a \\ before", "single quotes");
    assert_refused("KEY=a\\\nB=c", ".env line 1: KEY has a \\", "");
    assert_refused("KEY=it's\nB=it's\n", ".env line 1: KEY has a ' without a second", "write \\'");
    assert_refused("A=b\nKEY=\"a\nb\nc", ".env line 2: KEY has a \" without", "");
}

#[test]
fn lines_are_settings_comments_or_mistakes() {
    assert_eq!(key("  export KEY = a # b"), Ok("a".to_owned()));
    assert_eq!(key("KEY=a#b"), Ok("a#b".to_owned()));
    assert_eq!(key("KEY=\nA=b"), Ok(String::new()));
    assert_eq!(key("KEY=   # none"), Ok(String::new()));
    assert_eq!(key("KEY=a\nKEY=b"), Ok("b".to_owned()), "the last one counts");
    assert_eq!(parse("export=a", &environment()).unwrap()["export"], "a");
    for text in ["KEY", "=a", "KEY a", "1A=b", "export KEY", "[section]", "KEY-A=b"] {
        assert_refused(text, ".env line 1: it isn't NAME=value", "");
    }
}

/// Returns true where the reader of before had a quirk that is mended: it took `\'` in single quotes
/// for two things, a quote in some comments for one that opens, and cut off a
/// backslash at the end of a line.
fn is_quirk(value: &str) -> bool {
    value.contains('\\') && value.contains('\'')
        || value.trim_end().ends_with('\\')
        || value.contains('#') && value.contains(['\'', '"', '\\'])
}

proptest! {
    /// Files that were read before are read alike, where no `$` is in them.
    #[test]
    fn files_in_use_are_read_as_before(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("a"), Just("B1"), Just(" "), Just("\t"), Just("#"), Just("\""), Just("'"), Just("\\\\"),
                Just("\\n"), Just("\\\""), Just("\\"), Just("="), Just("é"), Just("x"), Just("\r"),
            ],
            0..10,
        ),
    ) {
        let value = pieces.concat();
        prop_assume!(!is_quirk(&value) && !value.trim_end().contains('\r'));
        let text = format!("KEY={value}\nB=c\n");
        let before: Result<BTreeMap<_, _>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
        let now = parse(&text, &environment());
        match (before, now) {
            (Ok(before), Ok(now)) => prop_assert_eq!(before, now),
            (Err(_), Err(_)) => {}
            (before, now) => prop_assert!(false, "{text:?}: {before:?} {now:?}"),
        }
    }
}
