//! What a plugin may be called. The name is that of its folder, its component, its provider and its
//! package, so it has to be one that every one of them takes.

use std::fmt;
use std::str::FromStr;

use crate::Problem;
use crate::project::Language;

/// A provider's name may have twice as many, but it ends up in variables, tables and addresses that
/// people read.
const LENGTH_MAX: usize = 32;

/// Words that cargo takes for no package: Rust's own, and folders and libraries that it keeps for
/// itself.
const NOT_IN_RUST: &str = "abstract alloc as async await become box break build const continue core crate deps do dyn \
                           else enum examples extern false final fn for gen if impl in incremental let loop macro \
                           match mod move mut override priv proc-macro pub ref return self serde-json static std \
                           struct super test trait true try type typeof unsafe unsized use virtual where while \
                           wit-bindgen yield";

/// A module of its own in each project in Go.
const NOT_IN_GO: &str = "arete";

/// npm installs no package into one of the same name.
const NOT_IN_NPM: &str = "typescript";

/// The name of a new plugin: small letters and digits, with single hyphens between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginName(String);

impl PluginName {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As variables of the environment begin with it.
    pub(super) fn variable(&self) -> String {
        self.0.replace('-', "_").to_uppercase()
    }

    /// Returns true if the tools of a language take it too.
    pub(super) fn fits(&self, language: Language) -> Result<(), Problem> {
        let (tool, taken) = match language {
            Language::Go => ("go", NOT_IN_GO),
            Language::Rust => ("cargo", NOT_IN_RUST),
            Language::TypeScript => ("npm", NOT_IN_NPM),
            Language::C | Language::Other | Language::Python => return Ok(()),
        };
        if taken.split_whitespace().any(|word| word == self.0) {
            return Err(Problem::new(format!(
                "{tool} takes no package with the name {self}. Choose another name."
            )));
        }
        Ok(())
    }
}

impl FromStr for PluginName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let words = text.split('-').all(|word| !word.is_empty() && word.chars().all(plain));
        if words && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= LENGTH_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(format!(
            "a plugin's name is at most {LENGTH_MAX} small letters and digits with single hyphens between, such as \
             my-vendor, and begins with a letter"
        )))
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_with_hyphens_between() {
        for good in ["hello", "a", "my-vendor", "gpt4all", "a-1-b"] {
            assert_eq!(good.parse::<PluginName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(33);
        for bad in [
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "1a",
            "Hello",
            "my_vendor",
            "a.b",
            "a/b",
            "..",
            "ä",
            "a b",
            &long,
        ] {
            let says = bad.parse::<PluginName>().unwrap_err().to_string();
            assert!(says.contains("such as my-vendor"), "{bad}: {says}");
        }
        assert_eq!("my-vendor-2".parse::<PluginName>().unwrap().variable(), "MY_VENDOR_2");
    }

    #[test]
    fn a_name_that_the_languages_tools_refuse_is_refused_before_anything_is_written() {
        let fits = |name: &str, language| {
            name.parse::<PluginName>().unwrap().fits(language).map_err(|it| it.to_string())
        };
        let says = fits("fn", Language::Rust).unwrap_err();
        assert_eq!(says, "cargo takes no package with the name fn. Choose another name.");
        assert!(
            fits("serde-json", Language::Rust).is_err()
                && fits("typescript", Language::TypeScript).is_err()
        );
        assert!(fits("fn", Language::TypeScript).is_ok() && fits("fn", Language::Python).is_ok());
    }
}
