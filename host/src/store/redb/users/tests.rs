//! Tests of the engine: what it keeps, what it refuses, and what many callers at once get.

mod broken;
mod power_failures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::Poll;

use tempfile::TempDir;

use super::*;
use crate::store::users::Role;
use crate::store::users::{Email, Name, PageLimit};

fn open(dir: &TempDir) -> RedbUsers {
    RedbUsers::open(dir.path(), Timestamp::now).unwrap()
}

fn email(text: &str) -> Email {
    Email::try_from(text.to_owned()).unwrap()
}

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn new(address: &str) -> NewUser {
    NewUser { email: email(address), name: name("Someone"), role: Role::User }
}

fn renamed(to: &str) -> UserChanges {
    UserChanges { name: Some(name(to)), ..UserChanges::default() }
}

async fn all(users: &RedbUsers, limit: u64) -> Vec<User> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let limit = PageLimit::try_from(limit).unwrap();
        let page = users.list(ListQuery { email: None, cursor, limit }).await.unwrap();
        found.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn with_email(users: &RedbUsers, email: &str) -> Vec<User> {
    users
        .list(ListQuery { email: Some(email.to_owned()), ..ListQuery::default() })
        .await
        .unwrap()
        .data
}

#[tokio::test]
async fn a_user_is_kept_across_reopening() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let ada = users.create(new("Ada@Example.com")).await.unwrap();
    assert_eq!((ada.version, ada.id.get_version_num()), (1, 7));
    assert_eq!(ada.created_at, ada.updated_at);
    drop(users);

    let users = open(&dir);
    assert_eq!(users.get(ada.id).await.unwrap(), ada);
    assert_eq!(with_email(&users, "aDA@eXAMPLE.com").await, [users.get(ada.id).await.unwrap()]);
    assert_eq!(users.create(new("ADA@example.com")).await, Err(StoreError::EmailTaken));
    assert!(users.create(new("bob@example.com")).await.unwrap().id > ada.id);
    users.check().await.unwrap();
    let names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["users.redb"], "nothing is left of the file's creation");
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(AtomicI64::new(1_000_000_000_123));
    let users = {
        let clock = clock.clone();
        RedbUsers::open(dir.path(), move || {
            // Finer than what is kept, so a test that compares sees what is cut.
            Timestamp::from_microsecond(clock.load(Ordering::SeqCst) * 1000 + 999).unwrap()
        })
        .unwrap()
    };
    let ada = users.create(new("ada@example.com")).await.unwrap();
    assert_eq!(ada.created_at.to_string(), "2001-09-09T01:46:40.123Z");

    clock.fetch_add(1, Ordering::SeqCst);
    assert_eq!(users.update(ada.id, UserChanges::default(), None).await.unwrap(), ada);
    assert_eq!(
        users.update(ada.id, renamed("Someone"), Some(1)).await.unwrap(),
        ada,
        "the same name is no change"
    );

    let changed = users.update(ada.id, renamed("Ada"), None).await.unwrap();
    assert_eq!(changed.updated_at.to_string(), "2001-09-09T01:46:40.124Z");
    let expected =
        User { name: "Ada".to_owned(), updated_at: changed.updated_at, version: 2, ..ada.clone() };
    assert_eq!(changed, expected);
    assert_eq!(users.get(ada.id).await.unwrap(), expected);

    clock.store(0, Ordering::SeqCst);
    let changes =
        UserChanges { email: Some(email("ADA@new.example")), role: Some(Role::Admin), name: None };
    let changed = users.update(ada.id, changes, None).await.unwrap();
    assert_eq!(
        changed.updated_at, expected.updated_at,
        "a clock set back doesn't take the user with it"
    );
    assert_eq!(
        (&*changed.email, changed.role, changed.version),
        ("ADA@new.example", Role::Admin, 3)
    );
    let bob = users.create(new("ada@example.com")).await.expect("the old email is free");
    assert!(ada.id < bob.id, "ids ascend though the clock was set back");

    let taken = UserChanges { email: Some(email("ada@NEW.example")), ..UserChanges::default() };
    assert_eq!(users.update(bob.id, taken.clone(), None).await, Err(StoreError::EmailTaken));
    let recased = users.update(ada.id, taken, None).await.unwrap();
    assert_eq!(recased.email, "ada@NEW.example", "one's own email in another case is not taken");
    users.check().await.unwrap();
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let ada = users.create(new("ada@example.com")).await.unwrap();
    let now = users.update(ada.id, renamed("Ada"), Some(1)).await.unwrap();

    let stale = StoreError::Stale { current: 2 };
    assert_eq!(users.update(ada.id, renamed("Eve"), Some(1)).await, Err(stale.clone()));
    assert_eq!(users.update(ada.id, UserChanges::default(), Some(3)).await, Err(stale.clone()));
    assert_eq!(users.delete(ada.id, Some(1)).await, Err(stale));
    assert_eq!(users.get(ada.id).await.unwrap(), now);
    users.delete(ada.id, Some(2)).await.unwrap();
}

#[tokio::test]
async fn users_whose_emails_were_stored_in_other_forms_stay_readable_and_unique() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let old = |text| NewUser { email: Email::of_old(text), ..new("a@b") };
    let ace = users.create(old("Bob@XN--bcher-kva.example")).await.unwrap();
    let apart = users.create(old("e\u{301}va@example.org")).await.unwrap();
    let hidden = users.create(old("eve\u{200b}@example.org")).await.unwrap();
    let twice = users.create(old("a@b@example.com")).await.unwrap();
    for (user, asked) in [
        (&ace, ["bob@bücher.example", "bob@xn--bcher-kva.example", "BOB@BÜCHER.example"]),
        (&apart, ["éva@example.org", "ÉVA@example.org", "e\u{301}va@example.org"]),
        (&hidden, ["eve\u{200b}@example.org"; 3]),
        (&twice, ["A@b@example.com"; 3]),
    ] {
        for asked in asked {
            assert_eq!(
                with_email(&users, asked).await,
                [users.get(user.id).await.unwrap()],
                "{asked}"
            );
        }
    }
    for taken in ["bob@bücher.example", "éva@example.org"] {
        assert_eq!(users.create(new(taken)).await, Err(StoreError::EmailTaken), "{taken}");
    }
    let email = Some(email("bob@bücher.example"));
    let changes = UserChanges { email, ..UserChanges::default() };
    let changed = users.update(ace.id, changes, None).await.unwrap();
    assert_eq!(changed.email, "bob@bücher.example", "its own email in one form");
    users.update(hidden.id, renamed("Eve"), None).await.unwrap();
    users.delete(twice.id, None).await.unwrap();
    assert_eq!(all(&users, 50).await.len(), 3);
    users.check().await.unwrap();
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_its_email_free() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    let ada = users.create(new("ada@example.com")).await.unwrap();
    users.delete(ada.id, None).await.unwrap();
    drop(users);

    let users = open(&dir);
    let gone = StoreError::NotFound(ada.id);
    assert_eq!(users.get(ada.id).await, Err(gone.clone()));
    assert_eq!(users.delete(ada.id, None).await, Err(gone.clone()));
    assert_eq!(users.update(ada.id, renamed("Ada"), Some(1)).await, Err(gone));
    assert_eq!(with_email(&users, "ada@example.com").await, []);
    assert_ne!(users.create(new("ada@example.com")).await.unwrap().id, ada.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_creations_of_one_email_at_once_make_one_user() {
    let dir = TempDir::new().unwrap();
    let users = Arc::new(open(&dir));
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let users = users.clone();
            let address: String = "ada@example.com"
                .char_indices()
                .map(|(i, c)| if n >> (i % 6) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            tokio::spawn(async move { users.create(new(&address)).await })
        })
        .collect();
    let mut created = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(user) => created.push(user),
            Err(error) => assert_eq!(error, StoreError::EmailTaken),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(all(&users, 200).await, created);
    users.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_mixed_writes_at_once_leave_a_consistent_store() {
    let dir = TempDir::new().unwrap();
    let users = Arc::new(open(&dir));
    let mut first = Vec::new();
    for n in 0..20 {
        first.push(users.create(new(&format!("first{n}@example.com"))).await.unwrap().id);
    }
    let tasks: Vec<_> = (0..200)
        .map(|n: usize| {
            let (users, id) = (users.clone(), first[n * 7 % 20]);
            tokio::spawn(async move {
                let shared = format!("shared{}@example.com", n % 9);
                match n % 4 {
                    0 => users.create(new(&shared)).await.map(drop),
                    1 => users.update(id, renamed(&format!("Name {n}")), None).await.map(drop),
                    2 => {
                        let changes =
                            UserChanges { email: Some(email(&shared)), ..UserChanges::default() };
                        users.update(id, changes, None).await.map(drop)
                    }
                    _ => users.delete(id, Some(2)).await,
                }
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => done += 1,
            Err(StoreError::EmailTaken | StoreError::NotFound(_) | StoreError::Stale { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(50 <= done, "{done} writes were done");
    users.check().await.unwrap();
    let before = all(&users, 200).await;
    drop(Arc::into_inner(users));
    let users = open(&dir);
    users.check().await.unwrap();
    assert_eq!(all(&users, 200).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_meet_each_user_once_while_others_come_and_go() {
    let dir = TempDir::new().unwrap();
    let users = Arc::new(open(&dir));
    let mut lasting = BTreeSet::new();
    let mut passing = Vec::new();
    for n in 0..60 {
        let user = users.create(new(&format!("user{n}@example.com"))).await.unwrap();
        if n % 3 == 0 { passing.push(user.id) } else { assert!(lasting.insert(user.id)) }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let others = {
        let (users, stop) = (users.clone(), stop.clone());
        tokio::spawn(async move {
            for n in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return n;
                }
                users.create(new(&format!("late{n}@example.com"))).await.unwrap();
                if let Some(id) = passing.pop() {
                    users.delete(id, None).await.unwrap();
                }
            }
            unreachable!()
        })
    };
    for limit in [1, 7, 59, 200] {
        let found: Vec<_> = all(&users, limit).await.into_iter().map(|user| user.id).collect();
        assert!(found.is_sorted_by(|a, b| a < b), "in order, none twice");
        let found = BTreeSet::from_iter(found);
        assert!(lasting.is_subset(&found), "none left out with pages of {limit}");
    }
    stop.store(true, Ordering::SeqCst);
    assert!(0 < others.await.unwrap());
}

#[tokio::test]
async fn the_last_page_has_no_cursor_even_if_it_is_full() {
    let dir = TempDir::new().unwrap();
    let users = open(&dir);
    assert_eq!(
        users.list(ListQuery::default()).await.unwrap(),
        Page { data: Vec::new(), next_cursor: None }
    );
    for n in 0..4 {
        users.create(new(&format!("user{n}@example.com"))).await.unwrap();
    }
    let limit = PageLimit::try_from(2).unwrap();
    let first = users.list(ListQuery { limit, ..ListQuery::default() }).await.unwrap();
    let second =
        users.list(ListQuery { cursor: first.next_cursor, limit, email: None }).await.unwrap();
    assert_eq!((first.data.len(), second.data.len(), second.next_cursor), (2, 2, None));
    let email = Some("user0@example.com".to_owned());
    let page = users.list(ListQuery { email, cursor: first.next_cursor, limit }).await.unwrap();
    assert_eq!(page.data, [], "the one user it could find was on the page before");
}

#[tokio::test]
async fn a_queue_that_is_full_says_so_and_loses_nothing_it_took() {
    let dir = TempDir::new().unwrap();
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(0);
    let users = RedbUsers::open(dir.path(), move || {
        // Holds the writer in its first write until the sender is dropped.
        let _ = gate.recv();
        Timestamp::now()
    })
    .unwrap();
    let mut waiting = BTreeMap::new();
    for n in 0..5000 {
        let mut write = users.create(new(&format!("user{n}@example.com")));
        match futures_util::poll!(&mut write) {
            Poll::Pending => assert!(waiting.insert(n, write).is_none()),
            Poll::Ready(answer) => assert_eq!(answer, Err(StoreError::Busy)),
        }
    }
    // The queue, and what the writer took for its first batch meanwhile: up to 256.
    let taken = waiting.len();
    assert!((4096..=4352).contains(&taken), "{taken}");
    // One that leaves while it waits: nothing is done for it.
    drop(waiting.remove(&2000).unwrap());
    drop(release);

    for write in waiting.into_values() {
        write.await.unwrap();
    }
    let found = all(&users, 200).await;
    assert_eq!(found.len(), taken - 1);
    assert!(found.iter().all(|user| user.email != "user2000@example.com"));
    users.check().await.unwrap();
}
