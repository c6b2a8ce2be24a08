//! A user, and the rules for its fields that every engine has to follow alike. Those for emails are in
//! `email.rs`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::email::Email;
use super::invalid::Invalid;

/// A user as it is kept. Its JSON is what the API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// UUIDv7, given by the store: ids ascend in the order of creation.
    pub id: Uuid,
    /// As the client wrote it, in the form that [`Email`] gives it. Unique among users without
    /// regard to case.
    #[schema(max_length = 254, example = "ada@example.com")]
    pub email: String,
    /// The name of the user.
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: String,
    /// The role, which decides on the rights of the user.
    pub role: Role,
    /// When it was created, to the millisecond.
    #[serde(serialize_with = "rfc3339_millis")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: Timestamp,
    /// When it last changed, to the millisecond. Never before its creation, even if the clock was
    /// set back.
    #[serde(serialize_with = "rfc3339_millis")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub updated_at: Timestamp,
    /// 1 for a new user, one more with each change. Clients see it as the entity tag.
    #[serde(skip)]
    pub version: u64,
}

impl User {
    /// The entity tag: the version, quoted. Strong, since a version names one state exactly.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

/// The version an entity tag stands for, or `None` if [`User::etag`] can't have made it (so it
/// matches no user).
pub fn etag_version(etag: &str) -> Option<u64> {
    let digits = etag.strip_prefix('"')?.strip_suffix('"')?;
    let version = digits.parse().ok()?;
    // One spelling for each version: "01" and "+1" parse too, and were never ours.
    (u64::to_string(&version) == digits).then_some(version)
}

/// The role of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UserRole)]
pub enum Role {
    /// May manage other users.
    Admin,
    /// May use the service.
    #[default]
    User,
}

/// The fields that a client sends to create a user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// The user's email.
    pub email: Email,
    /// The user's name.
    pub name: Name,
    /// [`Role::User`] if absent.
    #[serde(default)]
    pub role: Role,
}

/// The fields that a client sends to change a user. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UserChanges {
    /// The new email. A change of case only is a change.
    pub email: Option<Email>,
    /// The new name.
    pub name: Option<Name>,
    /// The new role.
    pub role: Option<Role>,
}

/// A user's name: 1 to [`Name::MAX_CHARS`] characters, not only white space.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// More than any name, and little enough for a list of them.
    pub const MAX_CHARS: usize = 200;

    /// The name as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Name, Invalid> {
        if text.trim().is_empty() || Name::MAX_CHARS < text.chars().count() {
            return Err(Invalid("must be 1 to 200 characters long, and not only white space"));
        }
        Ok(Name(text))
    }
}

/// `2026-01-02T03:04:05.678Z`: always three digits, so that times sort as text and clients can rely
/// on the shape.
fn rfc3339_millis<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}
