//! Users, and the trait of the store that keeps them, as the routes use it.
//!
//! The rules that every engine follows are here: the form of an email, a name and a page, the
//! equality of two emails, and the errors of a store. The form on disk is up to the engine
//! (`store/redb/users.rs`).

mod email;
mod invalid;
mod page;
#[cfg(test)]
mod tests;
mod user;

use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use self::email::{Email, email_key, email_keys};
pub use self::invalid::Invalid;
pub use self::page::{Cursor, ListQuery, Page, PageLimit};
pub use self::user::{Name, NewUser, Role, User, UserChanges, etag_version};

/// A store of users. Held as `Arc<dyn UserStore>`.
///
/// An `Ok` from a method that writes means that the change is on disk and survives `kill -9` and
/// loss of power. A caller that drops a write's future before it is ready can't know whether the
/// write was committed.
pub trait UserStore: Send + Sync + 'static {
    /// Adds a user and gives it an id. Fails with [`StoreError::EmailTaken`].
    fn create(&self, new: NewUser) -> BoxFuture<'_, Result<User, StoreError>>;

    /// Returns a user. Fails with [`StoreError::NotFound`].
    fn get(&self, id: Uuid) -> BoxFuture<'_, Result<User, StoreError>>;

    /// Returns one page, in the order of creation. Following [`Page::next_cursor`] to the end meets
    /// every user that was there all along exactly once, whatever is created or deleted
    /// meanwhile.
    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// Changes the fields that `changes` names, and returns the user as it is now. With nothing to
    /// change, `updated_at` and the version stay too.
    ///
    /// With `expected`, only if the user still has that version. Fails with
    /// [`StoreError::NotFound`], [`StoreError::Stale`] or [`StoreError::EmailTaken`], looked
    /// for in this order.
    fn update(
        &self,
        id: Uuid,
        changes: UserChanges,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<User, StoreError>>;

    /// Removes a user; its email is free again. With `expected`, only if the user still has that
    /// version. Fails with [`StoreError::NotFound`] or [`StoreError::Stale`], looked for in
    /// this order.
    fn delete(&self, id: Uuid, expected: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The reason why a store refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No user has this id, or not any more.
    #[error("there is no user {0}")]
    NotFound(Uuid),
    /// Another user has this email, maybe in another case.
    #[error("another user has this email")]
    EmailTaken,
    /// The user is no longer of the version that the caller expected.
    #[error("the user has changed meanwhile: it is at version {current} now")]
    Stale {
        /// The version it has now.
        current: u64,
    },
    /// More is waiting than the store will queue. Nothing was done; worth trying again soon.
    #[error("too much is waiting for the users store")]
    Busy,
    /// The engine failed: disk full, disk broken, damaged data. For the log, not for a client. A
    /// write that ends so was not acknowledged, but may have reached the disk.
    #[error("{0}")]
    Engine(String),
}
