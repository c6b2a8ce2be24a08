//! The line between a key and a word. Only what is long and unlike words is taken out of answers:
//! taking out `lm-studio` or `ollama` would damage what a model says, and would protect nothing. It
//! would even harm: whether a guest's own text comes back changed tells it that it has guessed
//! right, and words can be guessed.

/// The shortest value that is taken for a key.
pub(super) const KEY_MIN: usize = 12;
/// The fewest characters of it that must not be words: too many to be found by trying.
pub(super) const UNLIKE_WORDS_MIN: usize = 8;
/// The longest word, about as long as those of ordinary texts.
const WORD_MAX: usize = 20;
/// The most digits of a number or a date.
const NUMBER_MAX: usize = 8;
/// The most digits behind a word, as in `llama3` and `summer2024`.
const DIGITS_BEHIND_MAX: usize = 4;
/// The most letters behind a number, as in `70b`.
const LETTERS_BEHIND_MAX: usize = 2;

/// Returns true if a text is so long and so unlike words that nobody writes it by accident and
/// nobody finds it by trying.
pub(crate) fn is_like_a_key(text: &str) -> bool {
    let unlike_words: usize = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|run| !is_like_a_word(run))
        .map(str::len)
        .sum();
    KEY_MIN <= text.len() && UNLIKE_WORDS_MIN <= unlike_words
}

/// Returns true for what may stand in a text between other signs than letters and digits: a word, a
/// number, or a word with a number, as the names of models have them.
fn is_like_a_word(run: &str) -> bool {
    let letters_end = run.find(|character: char| character.is_numeric()).unwrap_or(run.len());
    let digits_end = run.find(|character: char| !character.is_numeric()).unwrap_or(run.len());
    let (letters, digits_behind) = run.split_at(letters_end);
    let (digits, letters_behind) = run.split_at(digits_end);
    if digits.is_empty() {
        is_word(letters)
            && digits_behind.len() <= DIGITS_BEHIND_MAX
            && digits_behind.chars().all(char::is_numeric)
    } else {
        digits.len() <= NUMBER_MAX
            && letters_behind.len() <= LETTERS_BEHIND_MAX
            && !letters_behind.contains(char::is_numeric)
    }
}

/// Returns true for letters in one case, or in a case that changes as in `OpenAI` and `myPassword`.
fn is_word(letters: &str) -> bool {
    let small = |character: &char| character.is_lowercase();
    let humps = letters
        .chars()
        .zip(letters.chars().skip(1))
        .filter(|(one, next)| small(one) && next.is_uppercase());
    letters.len() <= WORD_MAX && humps.count() * 4 <= letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_keys() {
        for words in [
            "",
            "none",
            "lm-studio",
            "not-needed",
            "ollama:password",
            "sk-no-key-required",
            "your-api-key-goes-here",
            "correct horse battery staple",
            "application/json; charset=utf-8",
            "eu-central-1",
            "claude-3-5-sonnet-20241022",
            "meta-llama/Llama-3.3-70B-Instruct",
            "Qwen2.5-Coder-32B-Instruct",
            "2023-06-01-and-longer",
            "password2024",
            "myOpenAIPassword",
            "internationalization",
        ] {
            assert!(!is_like_a_key(words), "{words}");
        }
    }

    #[test]
    fn short_ones_are_not_taken_for_keys_whatever_they_are() {
        assert!(!is_like_a_key("x7Kq92Lm4Zp"));
        assert!(is_like_a_key("x7Kq92Lm4ZpQ"));
    }

    #[test]
    fn keys_of_vendors_are_keys() {
        for key in [
            "sk-ant-api03-Q1xW9dTz7bYk2Vn4Rm8Lc6Jh0Pf3Gs5A",
            "sk-proj-aZ09bY18cX27dW36",
            "AIzaSyD4x7Kq92Lm4ZpQ1xW9dTz7bYk2Vn4Rm8L",
            "gsk_a1B2c3D4e5F6g7H8i9J0",
            "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ",
            "550e8400-e29b-41d4-a716-446655440000",
            "d41d8cd98f00b204e9800998ecf8427e",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-ant-0123456789-of-the-tests",
            "9876543210987654",
        ] {
            assert!(is_like_a_key(key), "{key}");
        }
    }
}
