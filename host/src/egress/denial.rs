//! The words for a request that isn't allowed: to the guest a value, to the operator a line of
//! the log with the very lines of TOML that would allow it.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::Method;
use tracing::warn;
use url::Url;

use super::address::{self, Class};
use super::endpoints::PathFault;
use super::error::SendError;
use super::resolve::Refused;

/// Denials that one call may write to the log. A guest may ask without end.
const LINES_MAX: u32 = 3;
/// Bytes of a path that are shown.
const PATH_SHOWN_MAX: usize = 200;

/// A reason why a request isn't allowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Denial<'a> {
    /// The provider only describes itself.
    Describing,
    /// No grant is for this origin.
    NotGranted,
    /// The grant for this origin is for other endpoints.
    Endpoint {
        /// The request's method.
        method: &'a Method,
        /// Its path as `paths` would name it.
        path: &'a str,
        /// True if the method is granted.
        allowed: bool,
        /// The reason why the path isn't, if it isn't.
        fault: Option<PathFault>,
    },
    /// The granted name leads where its grant doesn't reach.
    Refused(Refused),
}

/// The denials of one call. Clones are the same call's.
#[derive(Debug, Default, Clone)]
pub(super) struct Denials(Arc<AtomicU32>);

impl Denials {
    /// Logs a denial and says it to the guest.
    pub(super) fn deny(&mut self, provider: &str, url: &Url, denial: Denial<'_>) -> SendError {
        let origin = url.origin().ascii_serialization();
        let lines = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if lines <= LINES_MAX {
            let line = denial.for_operator(provider, url);
            let more = if lines == LINES_MAX {
                "\nThis call's further denials aren't logged."
            } else {
                ""
            };
            warn!(provider, %origin, file = file(provider), "{line}{more}");
        }
        SendError::Denied(denial.for_guest(provider, &origin))
    }
}

impl Denial<'_> {
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
            Self::Endpoint { .. } => self.endpoint(provider, origin),
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
            Self::Endpoint { .. } => {
                format!("Refused a provider's request: {}", self.endpoint(provider, &origin))
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

    /// The sentence for an endpoint that isn't granted: it names method and path, and the words to
    /// add.
    fn endpoint(self, provider: &str, origin: &str) -> String {
        let Self::Endpoint { method, path, allowed, fault } = self else { return String::new() };
        let path = shortened(path);
        let refused = format!("provider {provider} may not send {method} {path} to {origin}");
        let path = match fault {
            Some(PathFault::Ambiguous) => {
                return format!(
                    "{refused}: the path can be read in two ways (an empty segment, an encoded slash, backslash, dot or \
                     control character), and where a grant has paths, no such path is let through"
                );
            }
            Some(PathFault::BesideBase) => {
                return format!(
                    "{refused}: the grant's paths are below that of its base URL, and this one isn't. An origin without a \
                     path, in {}, can have paths anywhere",
                    file(provider)
                );
            }
            Some(PathFault::Other) => Some(format!("{} to paths", quoted(&path))),
            None => None,
        };
        let method = (!allowed).then(|| format!("{} to methods", quoted(method.as_str())));
        let missing: Vec<String> = path.into_iter().chain(method).collect();
        format!(
            "{refused}: its grant for that origin names others. The operator may add {}, under [[outbound]] in {}",
            missing.join(" and "),
            file(provider)
        )
    }
}

/// A guest's path, as much as a sentence can hold. It's ASCII and has no control characters, as all
/// paths of parsed URLs.
fn shortened(path: &str) -> String {
    match path.get(..PATH_SHOWN_MAX) {
        Some(start) if start.len() < path.len() => format!("{start}…"),
        _ => path.to_owned(),
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

    fn operator(url: &str, denial: Denial<'_>) -> String {
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
    fn an_endpoint_is_denied_by_method_and_path_and_told_what_to_add() {
        let text = |allowed, fault| {
            let denial =
                Denial::Endpoint { method: &Method::PUT, path: "/v1/files", allowed, fault };
            denial.for_guest("openai", "https://api.openai.com")
        };
        let refused = "provider openai may not send PUT /v1/files to https://api.openai.com: ";
        for (allowed, fault, says) in [
            (true, Some(PathFault::Other), "may add \"/v1/files\" to paths, under [[outbound]] in"),
            (false, None, "may add \"PUT\" to methods, under [[outbound]] in openai.toml"),
            (false, Some(PathFault::Other), "\"/v1/files\" to paths and \"PUT\" to methods"),
            (true, Some(PathFault::Ambiguous), "can be read in two ways"),
            (true, Some(PathFault::BesideBase), "below that of its base URL"),
        ] {
            let text = text(allowed, fault);
            assert!(text.starts_with(refused) && text.contains(says), "{text}");
        }
        let long = format!("/{}", "a".repeat(10_000));
        let fault = Some(PathFault::Other);
        let denial = Denial::Endpoint { method: &Method::GET, path: &long, allowed: true, fault };
        assert!(denial.for_guest("a", "https://a.example").len() < 1_000);
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
