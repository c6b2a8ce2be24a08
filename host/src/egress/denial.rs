//! The words for a request that isn't allowed: to the guest a value, to the operator a line of
//! the log with the very lines of TOML that would allow it.

use std::fmt::Write;

use tracing::warn;
use url::Url;

use super::address::{self, Class};
use super::error::SendError;
use super::resolve::Refused;

/// Denials that one call may write to the log. A guest may ask without end.
const LINES_MAX: u32 = 3;

/// A reason why a request isn't allowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Denial {
    /// The provider only describes itself.
    Describing,
    /// No grant is for this origin.
    NotGranted,
    /// The granted name leads where its grant doesn't reach.
    Refused(Refused),
}

/// The denials of one call.
#[derive(Debug, Default)]
pub(super) struct Denials(u32);

impl Denials {
    /// Logs a denial and says it to the guest.
    pub(super) fn deny(&mut self, provider: &str, url: &Url, denial: Denial) -> SendError {
        let origin = url.origin().ascii_serialization();
        self.0 = self.0.saturating_add(1);
        if self.0 <= LINES_MAX {
            let line = denial.for_operator(provider, url);
            let more = if self.0 == LINES_MAX {
                "\nThis call's further denials aren't logged."
            } else {
                ""
            };
            warn!(provider, %origin, file = file(provider), "{line}{more}");
        }
        SendError::Denied(denial.for_guest(provider, &origin))
    }
}

impl Denial {
    /// Without the address that was found: where inside names lead is the operator's business.
    fn for_guest(self, provider: &str, origin: &str) -> String {
        match self {
            Self::Describing => {
                format!("provider {provider} may reach nobody while it describes itself")
            }
            Self::NotGranted => format!(
                "provider {provider} has no grant for {origin}: the operator may add one, [[outbound]] with origin = {}, \
                 to {}",
                quoted(origin),
                file(provider)
            ),
            Self::Refused(Refused { class, .. }) => format!(
                "provider {provider} may not be connected to {origin}: the name leads to {}, and the grant doesn't \
                 reach that far",
                class.name()
            ),
        }
    }

    fn for_operator(self, provider: &str, url: &Url) -> String {
        let origin = url.origin().ascii_serialization();
        let file = file(provider);
        match self {
            Self::Describing => "Refused a provider's request: it only describes itself".into(),
            Self::NotGranted => {
                let mut line =
                    "Refused a provider's request to an origin it has no grant for".to_owned();
                let class =
                    url.host().and_then(|host| address::literal(&host.to_owned())).map(Class::of);
                if let Some(class) = class.filter(|class| *class != Class::Public) {
                    let _ = write!(line, ". Mind that this is {}", class.name());
                }
                let _ = write!(line, ". To allow it, add to {file}:\n{}", toml(&origin, false));
                line
            }
            Self::Refused(Refused { address, class: Class::Inside }) => format!(
                "Refused to connect a provider: the granted name leads to {address}, {}. If it should, every grant \
                 for this host in {file} has to say so:\n{}",
                Class::Inside.name(),
                toml(&origin, true)
            ),
            Self::Refused(Refused { address, class }) => format!(
                "Refused to connect a provider: the granted name leads to {address}, {}. Only a grant of the address \
                 itself allows that",
                class.name()
            ),
        }
    }
}

/// The lines that grant an origin.
fn toml(origin: &str, private: bool) -> String {
    let private = if private { "\nprivate = true" } else { "" };
    format!("[[outbound]]\norigin = {}{private}", quoted(origin))
}

/// A basic string of TOML. A host may hold quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the name of the file that holds a provider's grants.
fn file(provider: &str) -> String {
    format!("{provider}.toml")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn operator(url: &str, denial: Denial) -> String {
        denial.for_operator("openai", &Url::parse(url).unwrap())
    }

    #[test]
    fn an_operator_is_told_the_very_lines_to_add() {
        let line = operator("https://api.openai.com/v1/chat?key=1", Denial::NotGranted);
        assert_eq!(
            line,
            "Refused a provider's request to an origin it has no grant for. To allow it, add to openai.toml:\n\
             [[outbound]]\norigin = \"https://api.openai.com\""
        );
        let refused = Refused { address: [10, 0, 0, 7].into(), class: Class::Inside };
        let line = operator("https://api.openai.com:8443/", Denial::Refused(refused));
        assert!(line.contains("10.0.0.7"), "{line}");
        assert!(
            line.ends_with(
                "[[outbound]]\norigin = \"https://api.openai.com:8443\"\nprivate = true"
            ),
            "{line}"
        );
    }

    #[test]
    fn an_operator_is_warned_of_addresses_inside_and_not_helped_to_metadata() {
        let line = operator("http://169.254.169.254/latest", Denial::NotGranted);
        assert!(line.contains("Mind that this is a link-local or metadata address"), "{line}");
        let refused = Refused { address: [169, 254, 169, 254].into(), class: Class::Link };
        let line = operator("https://api.openai.com", Denial::Refused(refused));
        assert!(!line.contains("[[outbound]]") && line.contains("the address itself"), "{line}");
    }

    #[test]
    fn a_guest_is_told_no_address() {
        let refused = Refused { address: [10, 0, 0, 7].into(), class: Class::Inside };
        let text = Denial::Refused(refused).for_guest("openai", "https://api.openai.com");
        assert!(
            text.contains("an address inside this network") && !text.contains("10.0.0.7"),
            "{text}"
        );
    }

    #[test]
    fn a_host_forges_no_line() {
        assert_eq!(quoted("a\"\\b\nc\u{1b}"), r#""a\"\\b\u000Ac\u001B""#);
        let line = operator("https://a\"b.example/", Denial::NotGranted);
        assert!(line.ends_with("\norigin = \"https://a\\\"b.example\""), "{line}");
    }

    /// The log of this thread.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_call_logs_a_few_denials_and_answers_all() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let url = Url::parse("https://api.openai.com").unwrap();
            let mut denials = Denials::default();
            for _ in 0..10 {
                assert!(matches!(
                    denials.deny("openai", &url, Denial::NotGranted),
                    SendError::Denied(_)
                ));
            }
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 3, "{log}");
        assert_eq!(
            log.lines().filter(|line| line.contains("further denials aren't logged")).count(),
            1,
            "{log}"
        );
    }
}
