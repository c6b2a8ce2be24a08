//! The list of users, a page at a time.
//!
//! A page starts after an id rather than at a number, so users created or deleted meanwhile neither
//! repeat nor hide others, and the thousandth page costs what the first one does.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::invalid::Invalid;
use super::user::User;

/// A selection of users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only the user with this email, whatever its case. Any text: what can't be an email matches
    /// no one.
    pub email: Option<String>,
    /// From where the page before ended; from the first user if absent.
    pub cursor: Option<Cursor>,
    /// The largest number of users on the page.
    pub limit: PageLimit,
}

/// Users in the order of creation, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserPage)]
pub struct Page {
    /// At most as many as asked for.
    pub data: Vec<User>,
    /// Asks for what follows. Absent (`null`) on the last page.
    #[schema(value_type = Option<String>, required)]
    pub next_cursor: Option<Cursor>,
}

/// The number of users that a page may hold: 1 to 200, by default 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct PageLimit(u8);

impl PageLimit {
    /// Bounds what one request costs: some 50 KB of JSON.
    pub const MAX: u8 = 200;

    /// As a count.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for PageLimit {
    fn default() -> PageLimit {
        PageLimit(50)
    }
}

impl TryFrom<u64> for PageLimit {
    type Error = Invalid;

    fn try_from(limit: u64) -> Result<PageLimit, Invalid> {
        match u8::try_from(limit) {
            Ok(limit @ 1..=PageLimit::MAX) => Ok(PageLimit(limit)),
            _ => Err(Invalid("must be 1 to 200")),
        }
    }
}

/// A place in the list: after the user with this id. Clients get it as text and give it back; what
/// the text is made of is ours to change, so it starts with a number that says which kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor {
    after: Uuid,
}

impl Cursor {
    const KIND: u8 = 1;

    /// The place after a user.
    pub fn after(id: Uuid) -> Cursor {
        Cursor { after: id }
    }

    /// The user before this place. It need not exist any more.
    pub fn id(self) -> Uuid {
        self.after
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [Cursor::KIND; 17];
        bytes[1..].copy_from_slice(self.after.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Cursor, Invalid> {
        // 17 bytes are 23 characters: anything longer isn't worth decoding.
        let bytes = if text.len() == 23 {
            URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
        } else {
            Vec::new()
        };
        match bytes.split_first() {
            Some((&Cursor::KIND, id)) if let Ok(after) = Uuid::from_slice(id) => {
                Ok(Cursor { after })
            }
            _ => Err(Invalid("must be the `nextCursor` of an earlier page")),
        }
    }
}

impl TryFrom<String> for Cursor {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Cursor, Invalid> {
        text.parse()
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
