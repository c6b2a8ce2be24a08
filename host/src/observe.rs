//! Seeing what the server does: one record of each request, and the log.

mod escaped;
mod json;
mod lines;
pub mod metrics;
mod of_request;
#[cfg(test)]
mod out;
mod record;

use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, JsonFields, Writer, debug_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use self::escaped::Escaping;
pub(crate) use self::escaped::shortened;
use self::json::JsonLines;
pub use self::lines::Writing;
use self::of_request::OfRequest;
pub(crate) use self::record::Record;
use crate::config::{LogConfig, LogFormat};
use crate::plugin::QUIET_LOGS;

/// Starts logging to standard error. Lines are written until what is returned is dropped.
pub fn init(config: &LogConfig) -> Writing {
    let (lines, writing) = lines::start(std::io::stderr());
    let layer = tracing_subscriber::fmt::layer().with_writer(lines);
    // A second call, as tests in one process make, changes nothing.
    let _ = match config.format {
        LogFormat::Pretty => {
            let colours = std::io::stderr().is_terminal();
            let format = OfRequest::pretty(Format::default(), colours);
            let fields = debug_fn(pretty_field).delimited(" ");
            let layer = layer.event_format(format).with_ansi(colours);
            filtered(config, layer.fmt_fields(fields))
        }
        LogFormat::Json => {
            let format = OfRequest::json(JsonLines);
            filtered(
                config,
                layer.event_format(format).with_ansi(false).fmt_fields(JsonFields::new()),
            )
        }
    };
    writing
}

/// Writes a field of a line for people: as the library does, and escaped.
fn pretty_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    if field.name() != "message" {
        if writer.has_ansi_escapes() {
            write!(writer, "\x1b[3m{}\x1b[0m\x1b[2m=\x1b[0m", field.name())?;
        } else {
            write!(writer, "{}=", field.name())?;
        }
    }
    let mut escaping = Escaping::new(writer);
    write!(escaping, "{value:?}")?;
    escaping.finish()
}

fn filtered<L>(config: &LogConfig, layer: L) -> Result<(), tracing_subscriber::util::TryInitError>
where
    L: Layer<Registry> + Send + Sync,
{
    // What the settings name wins over what comes before it. They were checked with the others.
    let filter = format!("{QUIET_LOGS},{}", config.filter);
    match targets(&filter) {
        Some(targets) => Registry::default().with(layer.and_then(targets)).try_init(),
        None => Registry::default()
            .with(layer.and_then(EnvFilter::builder().parse_lossy(filter)))
            .try_init(),
    }
}

/// The filter, where it names neither spans nor fields. It means the same then, and isn't asked at
/// each step into a span and out of it.
fn targets(filter: &str) -> Option<Targets> {
    let directives: Vec<&str> =
        filter.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    // A span, or a level that was left out: the library knows what they mean.
    if directives.iter().any(|directive| directive.contains('[') || directive.ends_with('=')) {
        return None;
    }
    directives.join(",").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_fields_want_the_full_filter() {
        for plain in [
            "info",
            "warn,arete=debug",
            " info , ,arete::chat=trace,",
            "off",
            "arete",
            "info,hyper=off",
        ] {
            assert!(targets(plain).is_some(), "{plain}");
        }
        for full in
            ["[request]=debug", "arete[request{id=5}]=trace", "arete[{id}]=info", "info,arete="]
        {
            assert!(targets(full).is_none(), "{full}");
        }
    }

    #[test]
    fn a_line_for_people_is_one_line() {
        let out = super::out::Out::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(out.clone())
            .event_format(OfRequest::pretty(Format::default().without_time(), false))
            .with_ansi(false)
            .fmt_fields(debug_fn(pretty_field).delimited(" "));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let name = "a\n INFO arete: forged\u{9b}";
            tracing::info!(shown = %name, said = name, number = 5, "About {name}");
        });
        let escaped = "a\\n INFO arete: forged\\u{9b}";
        assert_eq!(
            out.text(),
            format!(
                " INFO {}: About {escaped} shown={escaped} said=\"{escaped}\" number=5\n",
                module_path!()
            )
        );
    }

    #[test]
    fn the_last_directive_for_a_target_wins() {
        let targets = targets("hyper=info,info,hyper=debug").unwrap();
        assert!(targets.would_enable("hyper::proto", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("arete", &tracing::Level::DEBUG));
    }
}
