//! Lines of the log as JSON.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::time::SystemTime;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::escaped::{self, FIELD_MAX};

/// The bytes reserved for a line: those of a request are the longest.
const LINE: usize = 768;

/// The format of a line: its time, level, message and fields, and its target.
///
/// By hand, because it is written once for each request: the library's format takes 1.6 µs more of
/// some 26 for an answer out of the cache. A test holds both against each other.
#[derive(Default)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(String::with_capacity(LINE));
        line.0.push_str(r#"{"timestamp":""#);
        line.time(SystemTime::now());
        line.0.push_str(r#"","level":""#);
        line.0.push_str(event.metadata().level().as_str());
        line.0.push('"');
        event.record(&mut line);
        line.name("target");
        line.text(event.metadata().target());
        line.0.push_str("}\n");
        writer.write_str(&line.0)
    }
}

struct Line(String);

impl Line {
    /// The name of the next field. Those in the source are plain.
    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn text(&mut self, text: &str) {
        if is_plain(text) {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            escaped::json(&mut self.0, text);
        }
    }

    /// With microseconds, as the library has it.
    fn time(&mut self, now: SystemTime) {
        thread_local! {
            /// A second and its text, which is the same for each line of it.
            static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
        }
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SECOND.with_borrow_mut(|(second, text)| {
            if *second != now.as_secs() || text.is_empty() {
                *second = now.as_secs();
                let time = i64::try_from(*second)
                    .ok()
                    .and_then(|second| Timestamp::from_second(second).ok());
                *text = time.unwrap_or_default().to_string();
                text.truncate(text.trim_end_matches('Z').len());
            }
            self.0.push_str(text);
        });
        let micros = now.subsec_micros();
        self.0.push('.');
        let mut place = 100_000;
        while place != 0 {
            self.0.push(char::from(b'0' + u8::try_from(micros / place % 10).unwrap_or_default()));
            place /= 10;
        }
        self.0.push('Z');
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field.name());
        self.text(value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field.name());
        let _ = write!(self.0, "{value}");
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field.name());
        let _ = write!(self.0, "{value}");
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field.name());
        self.0.push_str(if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field.name());
        self.0.push_str(&serde_json::to_string(&value).unwrap_or_default());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field.name());
        self.0.push('"');
        let start = self.0.len();
        let _ = write!(self.0, "{value:?}");
        if self.0.get(start..).is_some_and(is_plain) {
            self.0.push('"');
        } else {
            let text = self.0.split_off(start);
            self.0.truncate(start - 1);
            self.text(&text);
        }
    }
}

/// Returns true if a text is the same within the quotes of JSON.
fn is_plain(text: &str) -> bool {
    text.len() <= FIELD_MAX
        && !escaped::is_suspect(text)
        && !text.bytes().any(|byte| byte == b'"' || byte == b'\\')
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::out::Out;
    use super::*;

    /// Returns some lines in a format, without their times.
    fn written<E>(format: E) -> String
    where
        E: FormatEvent<tracing_subscriber::Registry, JsonFields> + Send + Sync + 'static,
    {
        let out = Out::default();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).fmt_fields(JsonFields::new());
        let subscriber = tracing_subscriber::registry()
            .with(layer.event_format(format).with_writer(out.clone()));
        tracing::subscriber::with_default(subscriber, lines);
        let text = out.text();
        text.lines().map(without_time).collect()
    }

    /// Each line has its time in the same place and of the same length.
    fn without_time(line: &str) -> String {
        let time = line.get(14..41).unwrap();
        let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(digits, "0000-00-00T00:00:00.000000Z", "{line}");
        time.parse::<Timestamp>().unwrap();
        line.replacen(time, "", 1)
    }

    fn lines() {
        let nothing: Option<&str> = None;
        for text in ["plain", "quoted \" and \\", "line\nend\u{1f}\t", "ümläut ✓", ""] {
            tracing::info!(
                shown = %text,
                said = text,
                debug = ?text,
                nothing,
                some = Some(5_u64),
                small = 3_u16,
                below = -7_i64,
                yes = true,
                part = 1.0_f64,
                strange = f64::NAN,
                "Request"
            );
            tracing::warn!(huge = u64::MAX, "Request {text}");
        }
        tracing::error!("An error");
        tracing::info!(field = 1, "With a field");
    }

    #[test]
    fn lines_are_as_the_library_writes_them() {
        let library =
            tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
        let ours = written(JsonLines);
        assert!(
            ours.contains(r#"{"timestamp":"","level":"INFO","message":"Request","shown":"plain""#),
            "{ours}"
        );
        assert_eq!(ours, written(library));
    }
}
