//! What the operator set, checked once: a mistake shows when the provider is loaded and not at the
//! first question.

use arete_plugin::llm::ProviderError;
use arete_plugin::settings::{self, setting_error};

use crate::forward;

const OPENAI: &str = "https://api.openai.com/v1";
const OPENAI_DEFAULT_MODEL: &str = "gpt-5.4-mini";

/// OpenAI's models for people to choose from; any other name is passed on as well.
const OPENAI_MODELS: [&str; 14] = [
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.2",
    "gpt-5.1",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "o3",
    "o4-mini",
];

/// The settings, each checked.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    /// Where questions go.
    pub(crate) url: String,
    /// The model for callers who name none. Only OpenAI has one by default: nobody knows what
    /// another server runs.
    pub(crate) model: Option<String>,
    /// Models for people to choose from.
    pub(crate) models: Vec<String>,
    /// The dialects that are forwarded.
    pub(crate) dialects: Vec<&'static str>,
    /// Whose models these are.
    pub(crate) vendor: String,
    /// What the server does in its own way.
    pub(crate) habits: Habits,
}

/// Those of them that a question needs. Each is asked for at the host, so a call asks for no
/// others.
pub(crate) struct Question {
    /// Where it goes.
    pub(crate) url: String,
    /// What the server does in its own way.
    pub(crate) habits: Habits,
}

/// What servers that speak this dialect do differently.
#[derive(Debug, PartialEq)]
pub(crate) struct Habits {
    /// The field for the most tokens to generate.
    pub(crate) max_tokens_field: &'static str,
    /// True if streams are asked to tell what they cost.
    pub(crate) stream_usage: bool,
    /// True if the server takes `top_k`, which isn't part of OpenAI's API.
    pub(crate) top_k: bool,
    /// The field of a message in which thoughts of earlier answers are sent back. Absent: they
    /// aren't, because most servers refuse or ignore them.
    pub(crate) thinking_field: Option<&'static str>,
}

impl Default for Habits {
    /// OpenAI's own.
    fn default() -> Self {
        Self {
            max_tokens_field: MAX_TOKENS_FIELDS[0],
            stream_usage: true,
            top_k: false,
            thinking_field: None,
        }
    }
}

/// The names that this field has had, the current one first.
pub(crate) const MAX_TOKENS_FIELDS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

const THINKING_FIELDS: [&str; 2] = ["reasoning_content", "reasoning"];

impl Settings {
    /// Reads them through `get`.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ProviderError> {
        let get = |key: &str| settings::text(&get, key);
        let of_openai = base(get).trim_end_matches('/') == OPENAI;

        let model = get("model").or_else(|| of_openai.then(|| OPENAI_DEFAULT_MODEL.into()));
        let mut models = match get("models") {
            Some(names) => list(&names),
            None if of_openai => OPENAI_MODELS.map(String::from).into(),
            None => Vec::new(),
        };
        if let Some(model) = model.as_ref().filter(|model| !models.contains(model)) {
            models.insert(0, model.clone());
        }

        let dialects = match get("dialects") {
            Some(names) => dialects(&names)?,
            None => forward::dialects(of_openai),
        };
        let Question { url, habits } = Question::read(get)?;
        let vendor = get("vendor").unwrap_or_else(|| "openai".into());
        Ok(Self { url, model, models, dialects, vendor: lower_case(vendor)?, habits })
    }
}

impl Question {
    /// Reads them through `get`.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ProviderError> {
        let get = |key: &str| settings::text(&get, key);
        let base = base(get);
        let default = Habits::default();
        let habits = Habits {
            max_tokens_field: one_of(
                get("max-tokens-field"),
                "max-tokens-field",
                &MAX_TOKENS_FIELDS,
            )?
            .unwrap_or(default.max_tokens_field),
            stream_usage: flag(get("stream-usage"), "stream-usage")?
                .unwrap_or(default.stream_usage),
            top_k: flag(get("top-k"), "top-k")?.unwrap_or(default.top_k),
            thinking_field: one_of(get("thinking-field"), "thinking-field", &THINKING_FIELDS)?,
        };
        Ok(Self { url: settings::url(&base, "/chat/completions")?, habits })
    }
}

/// The base URL.
pub(crate) fn base(get: impl Fn(&str) -> Option<String>) -> String {
    settings::text(get, "base-url").unwrap_or_else(|| OPENAI.into())
}

/// Names of dialects with commas between.
fn dialects(names: &str) -> Result<Vec<&'static str>, ProviderError> {
    let known = |name: String| forward::DIALECTS.into_iter().find(|known| *known == name);
    list(names).into_iter().map(known).collect::<Option<_>>().ok_or_else(|| {
        let known = forward::DIALECTS.join("`, `");
        setting_error("dialects", &format!("should name some of `{known}`, with commas between"))
    })
}

/// Names with commas between, each once.
fn list(names: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    list
}

fn one_of(
    value: Option<String>,
    key: &str,
    words: &[&'static str; 2],
) -> Result<Option<&'static str>, ProviderError> {
    let Some(value) = value else { return Ok(None) };
    match words.iter().find(|word| **word == value) {
        Some(word) => Ok(Some(word)),
        None => Err(setting_error(key, &format!("should be `{}` or `{}`", words[0], words[1]))),
    }
}

fn flag(value: Option<String>, key: &str) -> Result<Option<bool>, ProviderError> {
    match value.map(|value| value.to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(setting_error(key, "should be `true` or `false`")),
    }
}

fn lower_case(vendor: String) -> Result<String, ProviderError> {
    if vendor
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
    {
        return Ok(vendor);
    }
    Err(setting_error("vendor", "should be a word of small letters, digits, `-`, `_` and `.`"))
}

#[cfg(test)]
mod tests {
    use arete_plugin::llm::ErrorKind;

    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, ProviderError> {
        Settings::read(|key| {
            settings.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_settings_it_is_openai() {
        let settings = read(&[("model", " "), ("base-url", ""), ("models", "")]).unwrap();
        assert_eq!(settings.url, "https://api.openai.com/v1/chat/completions");
        assert_eq!(settings.vendor, "openai");
        assert!(settings.models.contains(&settings.model.unwrap()));
        assert_eq!(settings.habits, Habits::default());
        assert_eq!(settings.habits.max_tokens_field, "max_completion_tokens");
        let spelled_out = read(&[("base-url", "https://api.openai.com/v1/")]).unwrap();
        assert_eq!(spelled_out.model.as_deref(), Some("gpt-5.4-mini"));
    }

    #[test]
    fn another_server_has_the_models_that_the_operator_names() {
        let vllm = read(&[("base-url", "http://127.0.0.1:8000/v1")]).unwrap();
        assert_eq!((vllm.model, vllm.models), (None, vec![]));
        let groq = read(&[
            ("base-url", "https://api.groq.com/openai/v1/"),
            ("vendor", "groq"),
            ("model", "openai/gpt-oss-120b"),
            ("models", " openai/gpt-oss-20b, ,openai/gpt-oss-20b,qwen/qwen3-32b "),
        ])
        .unwrap();
        assert_eq!(groq.url, "https://api.groq.com/openai/v1/chat/completions");
        assert_eq!(
            (groq.vendor.as_str(), groq.model.as_deref()),
            ("groq", Some("openai/gpt-oss-120b"))
        );
        assert_eq!(groq.models, ["openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3-32b"]);
    }

    #[test]
    fn habits_can_be_set() {
        let settings = read(&[
            ("max-tokens-field", "max_tokens"),
            ("stream-usage", "False"),
            ("top-k", "true"),
            ("thinking-field", "reasoning"),
        ]);
        let habits = Habits {
            max_tokens_field: "max_tokens",
            stream_usage: false,
            top_k: true,
            thinking_field: Some("reasoning"),
        };
        assert_eq!(settings.unwrap().habits, habits);
    }

    #[test]
    fn the_provider_files_hold_settings_that_there_are() {
        let keys = [
            "base-url",
            "model",
            "models",
            "dialects",
            "vendor",
            "max-tokens-field",
            "stream-usage",
            "top-k",
            "thinking-field",
        ];
        let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let examples = std::fs::read_dir(project.join("providers"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for path in examples.chain([project.join("provider.toml")]) {
            let text = std::fs::read_to_string(&path).unwrap();
            let config = text.split_once("[config]\n").unwrap().1.split("[[").next().unwrap();
            let lines = config.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            let settings: Vec<(&str, String)> = lines
                .map(|line| line.split_once(" = ").unwrap())
                .map(|(key, value)| (key, filled_in(value.trim_matches('"'))))
                .collect();
            assert!(settings.iter().all(|(key, _)| keys.contains(key)), "{}", path.display());
            let settings: Vec<(&str, &str)> =
                settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let base = settings.iter().find(|(key, _)| *key == "base-url").map(|(_, base)| *base);
            let settings = read(&settings).unwrap();
            assert!(settings.model.is_some(), "{}", path.display());
            let below =
                base.unwrap_or("https://api.openai.com/v1").to_owned() + "/chat/completions";
            assert_eq!(settings.url, below, "{}", path.display());
        }
    }

    /// `${NAME:-default}/v1` as an operator has it who sets nothing that needn't be set.
    fn filled_in(value: &str) -> String {
        let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
        let (variable, after) = rest.split_once('}').unwrap();
        let value = variable.split_once(":-").map_or("x", |(_, default)| default);
        format!("{before}{value}{}", filled_in(after))
    }

    #[test]
    fn a_wrong_setting_is_named_and_not_repeated() {
        for (key, value) in [
            ("base-url", "api.openai.com/v1"),
            ("base-url", "https://user:hunter2@api.openai.com/v1"),
            ("vendor", "Hunter2"),
            ("dialects", "openai-chat, hunter2"),
            ("vendor", "hunter2 inc"),
            ("max-tokens-field", "hunter2"),
            ("stream-usage", "hunter2"),
            ("top-k", "40"),
            ("thinking-field", "hunter2"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unconfigured, "{value}");
            assert!(
                error.message.contains(key) && !error.message.contains("unter2"),
                "{}",
                error.message
            );
        }
    }
}
