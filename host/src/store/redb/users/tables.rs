//! The tables of `users.redb`, their records, and failures of work on them.

use ::redb::{Error, TableDefinition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store::users::{Role, StoreError, User};

/// Every user's record, by id. The order of ids is the order of creation.
pub(super) const USERS: TableDefinition<u128, &[u8]> = TableDefinition::new("users");

/// The id of the user who has an email, by [`email_key`](crate::store::users::email_key): this
/// makes emails unique.
pub(super) const EMAILS: TableDefinition<&str, u128> = TableDefinition::new("emails");

/// Facts about the file itself. Its one key is [`SCHEMA_KEY`].
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

pub(super) const SCHEMA_KEY: &str = "schema";

/// The version of these tables. A file of a higher one isn't opened.
pub(super) const SCHEMA: u64 = 1;

/// A user as it is written to the file. Its id is the key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) email: String,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) version: u64,
    /// Fields that a newer version stored, kept as they are.
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

impl Record {
    pub(super) fn decode(id: Uuid, bytes: &[u8]) -> Result<Record, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| {
            StoreError::Engine(format!("the record of user {id} can't be read: {error}"))
        })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self)
            .map_err(|error| StoreError::Engine(format!("a user can't be written: {error}")))
    }

    pub(super) fn into_user(self, id: Uuid) -> User {
        let Record { email, name, role, created_at, updated_at, version, unknown: _ } = self;
        User { id, email, name, role, created_at, updated_at, version }
    }
}

/// The reason why work on the file ended: a refusal for one caller, or a failure of the engine.
#[derive(Debug)]
pub(super) enum Failure {
    Answer(StoreError),
    Engine(Box<Error>),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Answer(error)
    }
}

/// redb has an error for each kind of operation, and one that they all turn into.
macro_rules! engine_failures {
    ($($error:ident),+) => {$(
        impl From<::redb::$error> for Failure {
            fn from(error: ::redb::$error) -> Failure {
                Failure::Engine(Box::new(error.into()))
            }
        }
    )+};
}

engine_failures!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
