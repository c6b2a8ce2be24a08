//! Keys of Amazon's in the files that its tools share: `~/.aws/credentials`, and `~/.aws/config`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::aws_answer::UNTOLD_LIFE;
use super::exchange::read_file;
use super::minted::Fresh;
use super::spec::AwsKeys;

/// Ways of a profile to get keys that would start programs or ask others, none of which is done.
const ELSEWHERE: [&str; 5] =
    ["role_arn", "credential_process", "sso_session", "sso_start_url", "login_session"];

/// Reads a profile's keys. They are read anew when their time is over, so a new key needs no
/// restart.
pub(super) async fn read(name: &str, files: &[PathBuf; 2]) -> Result<Fresh<AwsKeys>, String> {
    let mut settings = BTreeMap::new();
    let [credentials, config] = files;
    // What stands in the file of keys counts more.
    for (path, section) in [(config, config_section(name)), (credentials, name.to_owned())] {
        if path_exists(path).await {
            settings.extend(section_of(&read_file(path).await?, &section));
        }
    }
    let shown =
        || format!("profile {name:?} of {} and {}", credentials.display(), config.display());
    let key = |key: &str| settings.get(key).filter(|value| !value.is_empty()).cloned();
    let (Some(id), Some(secret)) = (key("aws_access_key_id"), key("aws_secret_access_key")) else {
        return Err(match ELSEWHERE.into_iter().find(|way| settings.contains_key(*way)) {
            Some(way) => format!(
                "{} gets its keys by {way}, which isn't done; write another source as credentials",
                shown()
            ),
            None => format!("{} has no aws_access_key_id or no aws_secret_access_key", shown()),
        });
    };
    let credential = AwsKeys {
        access_key_id: id,
        secret_access_key: secret.into(),
        session_token: key("aws_session_token").map(Into::into),
    };
    Ok(Fresh { credential, life: UNTOLD_LIFE })
}

async fn path_exists(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(true)
}

fn config_section(name: &str) -> String {
    if name == "default" { name.to_owned() } else { format!("profile {name}") }
}

/// Returns the settings of one section. Indented lines belong to a setting before them, and no key
/// is one of those.
fn section_of(text: &str, wanted: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        let bare = line.trim();
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = name == wanted;
        } else if inside
            && !line.starts_with([' ', '\t'])
            && !bare.starts_with(['#', ';'])
            && let Some((key, value)) = bare.split_once('=')
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    async fn keys(name: &str, credentials: &str, config: &str) -> Result<[String; 3], String> {
        let dir = tempfile::tempdir().unwrap();
        let files = ["credentials", "config"].map(|name| dir.path().join(name));
        std::fs::write(&files[0], credentials).unwrap();
        if !config.is_empty() {
            std::fs::write(&files[1], config).unwrap();
        }
        let AwsKeys { access_key_id, secret_access_key, session_token } =
            read(name, &files).await?.credential;
        let token = session_token.map(|token| token.expose_secret().to_owned());
        Ok([access_key_id, secret_access_key.expose_secret().to_owned(), token.unwrap_or_default()])
    }

    #[tokio::test]
    async fn a_profile_is_read_out_of_both_files() {
        let credentials = "# work\n[default]\naws_access_key_id = A1\naws_secret_access_key=s1=\n\n\
                           [ work ]\nAWS_ACCESS_KEY_ID = A2\naws_session_token = t2\n";
        let config = "[default]\naws_access_key_id = no\n[profile work]\naws_secret_access_key = s2\ns3 =\n  aws_session_token = no\n";
        assert_eq!(keys("default", credentials, "").await.unwrap(), ["A1", "s1=", ""]);
        assert_eq!(keys("default", credentials, config).await.unwrap(), ["A1", "s1=", ""]);
        assert_eq!(keys("work", credentials, config).await.unwrap(), ["A2", "s2", "t2"]);
    }

    #[tokio::test]
    async fn a_profile_without_keys_says_so_without_the_other_ones() {
        let credentials = "[default]\naws_access_key_id = A1\naws_secret_access_key = marker\n";
        let problem = keys("other", credentials, "").await.unwrap_err();
        assert!(problem.contains("\"other\"") && !problem.contains("marker"), "{problem}");
        let role = "[profile other]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n";
        let problem = keys("other", credentials, role).await.unwrap_err();
        assert!(problem.contains("role_arn"), "{problem}");
    }
}
