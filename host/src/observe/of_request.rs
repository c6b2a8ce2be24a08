//! The request that a line belongs to. What is logged while a request is worked on ends with its
//! id, as its own line has it and its caller got it.
//!
//! A span would say so too. One is made, entered, left and cleared away for each request though,
//! mostly for nothing, because most requests log their own line alone, which knows its id. Here the
//! id is at hand for those that log more.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::json::JsonLines;
use crate::request_id;

/// A format of lines, and the way in which an id is added to one of them.
pub(super) struct OfRequest<F> {
    lines: F,
    /// Adds the id to a line that is whole but for its end.
    add: fn(line: &mut String, id: &str),
    /// The end of each line.
    end: &'static str,
}

impl<T> OfRequest<Format<Full, T>> {
    /// Lines for people.
    pub(super) fn pretty(lines: Format<Full, T>, colours: bool) -> Self {
        // As the library colours fields.
        let add = match colours {
            true => |line: &mut String, id: &str| {
                line.push_str(" \x1b[3mrequest_id\x1b[0m\x1b[2m=\x1b[0m");
                line.push_str(id);
            },
            false => |line: &mut String, id: &str| {
                line.push_str(" request_id=");
                line.push_str(id);
            },
        };
        Self { lines: lines.with_ansi(colours), add, end: "\n" }
    }
}

impl OfRequest<JsonLines> {
    /// Lines for programs.
    pub(super) fn json(lines: JsonLines) -> Self {
        let add = |line: &mut String, id: &str| {
            line.push_str(r#","request_id":"#);
            line.push_str(&serde_json::to_string(id).unwrap_or_default());
        };
        Self { lines, add, end: "}\n" }
    }
}

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let of_itself = event.metadata().fields().field("request_id").is_some();
        let Some(id) = (!of_itself).then(request_id::current).flatten() else {
            return self.lines.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        if line.ends_with(self.end) {
            line.truncate(line.len() - self.end.len());
            (self.add)(&mut line, &id);
            line.push_str(self.end);
        }
        writer.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    use tracing_subscriber::{Registry, fmt as library};

    use super::super::out::Out;
    use super::*;

    /// Returns the lines that are logged within a request and without one.
    fn logged<L: Layer<Registry> + Send + Sync>(layer: impl FnOnce(Out) -> L) -> Vec<String> {
        let out = Out::default();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(layer(out.clone())),
            || {
                let work = async {
                    tracing::warn!(field = 5, "Within");
                    tracing::info!(request_id = "the other", "Request");
                    assert_eq!(request_id::current().as_deref(), Some(r#"the "one""#));
                };
                futures_util::FutureExt::now_or_never(request_id::within(
                    r#"the "one""#.into(),
                    work,
                ))
                .unwrap();
                tracing::warn!("Without");
                assert_eq!(request_id::current(), None);
            },
        );
        let text = out.text();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_for_programs_name_their_request() {
        let lines = logged(|out| {
            let format = OfRequest::json(JsonLines);
            library::layer()
                .fmt_fields(JsonFields::new())
                .event_format(format)
                .with_ansi(false)
                .with_writer(out)
        });
        let ids: Vec<_> = lines
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap().get("request_id").cloned()
            })
            .collect();
        assert_eq!(ids, [Some(r#"the "one""#.into()), Some("the other".into()), None]);
    }

    #[test]
    fn lines_for_people_name_their_request() {
        for colours in [false, true] {
            let lines = logged(|out| {
                let format = OfRequest::pretty(Format::default().without_time(), colours);
                library::layer().event_format(format).with_writer(out)
            });
            let plain: Vec<String> = lines.iter().map(|line| without_colours(line)).collect();
            let target = module_path!();
            assert_eq!(plain[0], format!(r#" WARN {target}: Within field=5 request_id=the "one""#));
            assert!(plain[1].ends_with(r#"Request request_id="the other""#), "{plain:?}");
            assert!(plain[2].ends_with("Without"), "{plain:?}");
            assert_eq!(lines[0].contains("\x1b[3mrequest_id\x1b[0m\x1b[2m=\x1b[0m"), colours);
        }
    }

    fn without_colours(line: &str) -> String {
        let mut parts = line.split('\x1b');
        let first = parts.next().unwrap().to_owned();
        first + &parts.map(|part| part.split_once('m').unwrap().1).collect::<String>()
    }
}
