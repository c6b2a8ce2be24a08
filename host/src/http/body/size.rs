//! The memory that a body takes beyond its text, once it is read: a part of a message can come of
//! some twenty bytes, and takes more than ten times as much.

/// The memory of what stands before a comma: a field, an element of a list. Parts of messages take
/// most, 280 bytes for two commas.
const BYTES_FOR_A_COMMA: usize = 128;
/// The bytes of bodies that aren't looked through: all that there may be come to little.
const SMALL_BYTES: usize = 16 << 10;

/// Returns the memory that a body of JSON takes beyond its text.
pub(super) fn beyond_text(json: &[u8]) -> u64 {
    if json.len() <= SMALL_BYTES {
        return 0;
    }
    (commas(json).saturating_mul(BYTES_FOR_A_COMMA)).saturating_sub(json.len()) as u64
}

/// Counts the commas that aren't in a string. What isn't JSON has some number too.
fn commas(json: &[u8]) -> usize {
    let (mut count, mut in_string, mut rest) = (0, false, json);
    loop {
        let found = match in_string {
            true => rest.iter().position(|byte| matches!(byte, b'"' | b'\\')),
            false => rest.iter().position(|byte| matches!(byte, b'"' | b',')),
        };
        let Some((byte, after)) = found.and_then(|at| rest.get(at..)?.split_first()) else {
            return count;
        };
        rest = after;
        match byte {
            b',' => count += 1,
            b'"' => in_string = !in_string,
            // Whatever is escaped is no end of the string.
            _ => rest = after.get(1..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_of_strings_do_not_count() {
        for (json, count) in [
            ("", 0),
            ("[1,2,3]", 2),
            (r#"{"a":"b,c","d":[",\\",","]}"#, 2),
            (r#"["a\",b",1]"#, 1),
            (r#"["\\",1,"\"#, 2),
            (r#"["open,,,"#, 0),
        ] {
            assert_eq!(commas(json.as_bytes()), count, "{json}");
        }
    }

    #[test]
    fn only_what_becomes_more_than_its_text_takes_memory() {
        let text = format!("[\"{}\"]", "x, ".repeat(100_000));
        assert_eq!(beyond_text(text.as_bytes()), 0);
        assert_eq!(beyond_text("[1,2,3,4]".as_bytes()), 0);
        let list = format!("[{}1]", "1,".repeat(100_000));
        assert_eq!(beyond_text(list.as_bytes()), 100_000 * 128 - 200_003);
    }
}
