//! Power failures, and damage beside them: nothing that was acknowledged is lost, and a damaged
//! cache never has a wrong answer.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use tempfile::TempDir;

use super::*;
use crate::contract::{Completion, FinishReason, Part, Text, Usage as Tokens};
use crate::store::answers::{AnswerStore, Entry, EntryKey};
use crate::store::redb::answers::RedbAnswers;
use crate::store::redb::power::Power;

const ROUNDS: u64 = 200;
const LIMITS: Limits = Limits { entries: 10_000, bytes: 1 << 30 };
/// Questions that are asked.
const KEYS: u32 = 60;
/// Changes and syncs of a disk before its power fails: some while the file is opened, some during
/// the commits after that.
const OPERATIONS: [std::ops::Range<u64>; 2] = [1..6, 6..250];
/// Changes of the file in one round.
const STEPS: usize = 12;

fn key(number: u32) -> EntryKey {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

/// An answer to a question that names it, and which answer it was; some fill several pages.
fn entry(number: u32, version: u64) -> Entry {
    let text =
        format!("{number}/{version} ").repeat(if version.is_multiple_of(5) { 2_000 } else { 3 });
    let completion = Completion {
        id: format!("{number}/{version}"),
        model: "m".into(),
        parts: vec![Part::Text(Text { text, extra: None })],
        finish_reason: FinishReason::EndTurn,
        usage: Tokens::default(),
        native: None,
        extra: None,
    };
    Entry { completion: Arc::new(completion), stored_at: 1, expires_at: 1_000 + version }
}

/// The number of the answer that is there, by question.
type Versions = BTreeMap<u32, u64>;

/// Makes a change of the file, and of what should be there. Without power, only of the latter.
fn change(
    store: &dyn AnswerFile,
    now: &mut Versions,
    version: u64,
    random: &mut Rng,
) -> Result<(), FileError> {
    match random.u8(0..20) {
        0 => {
            now.clear();
            store.clear()
        }
        1 => {
            let oldest = now.values().min().map_or(0, |version| version + 3);
            now.retain(|_, version| oldest < *version);
            store.sweep(1_000 + oldest).map(drop)
        }
        _ => {
            let mut writes = Vec::new();
            for _ in 0..random.u32(1..=8) {
                let number = random.u32(0..KEYS);
                if random.u8(0..5) == 0 {
                    now.remove(&number);
                    writes.push(Write::Remove { key: key(number) });
                } else {
                    now.insert(number, version);
                    let entry = entry(number, version);
                    let value = entry.encode(&key(number)).unwrap();
                    writes.push(Write::Put {
                        key: key(number),
                        expires_at: entry.expires_at,
                        value,
                    });
                }
            }
            store.write(&writes)
        }
    }
}

/// Returns the answers that are there, each held against the question it is there for.
fn found(store: &dyn AnswerFile) -> Versions {
    let mut found = Versions::new();
    for number in 0..KEYS {
        let Some(bytes) = store.get(&key(number)).unwrap() else { continue };
        let there = Entry::decode(&key(number), &bytes).expect("whole bytes");
        let (of, version) = there.completion.id.split_once('/').expect("an id of ours");
        let version = version.parse().unwrap();
        assert_eq!(of, number.to_string(), "the answer to another question");
        assert_eq!(there.completion, entry(number, version).completion);
        found.insert(number, version);
    }
    found
}

#[test]
#[allow(clippy::print_stdout, reason = "the counts are those of the table in ARCHITECTURE.md")]
fn two_hundred_power_failures_lose_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cache.redb");
    let mut random = Rng::with_seed(0x0a7e_7e02);
    let power = Power::default();
    let place = {
        let power = power.clone();
        Redb::on(dir.path(), LIMITS, move |file, builder| power.connect(file, builder))
    };
    let (mut told, mut version) = (Versions::new(), 0);
    let (mut acknowledged, mut refused, mut while_opening) = (0, 0, 0);
    for round in 0..ROUNDS {
        let operations = OPERATIONS[usize::from(round % 4 != 0)].clone();
        power.fail_after(random.u64(operations));
        let mut doubted = None;
        match place.open(false) {
            Err(_) => while_opening += 1,
            Ok(store) => {
                for _ in 0..STEPS {
                    let mut now = told.clone();
                    version += 1;
                    if change(&*store, &mut now, version, &mut random).is_err() {
                        refused += 1;
                        doubted = Some(now);
                        break;
                    }
                    acknowledged += 1;
                    told = now;
                }
            }
        }
        power.restore(&path, &mut random);

        let store = place.open(false).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let found = found(&*store);
        // All of the change that nobody was told the end of, or nothing of it.
        assert!(
            found == told || Some(&found) == doubted.as_ref(),
            "round {round}: {found:?} is there; told was {told:?}, doubted {doubted:?}"
        );
        assert_eq!(store.usage().entries, found.len() as u64, "round {round}");
        // A file whose making was cut short is taken for damaged; nothing was in it yet.
        let put_aside = aside::all(&path).unwrap();
        assert!(put_aside.is_empty() || acknowledged == 0, "round {round}: it isn't damaged");
        put_aside.iter().for_each(|file| fs::remove_file(file).unwrap());
        told = found;
    }
    println!(
        "cache: {ROUNDS} power failures, {while_opening} of them while opening; {acknowledged} changes acknowledged, \
         {refused} not; 0 lost"
    );
    assert!(10 <= while_opening && 500 <= acknowledged && 50 <= refused);
}

/// Damages a file, as a disk does that lies, wears out, or is written to by others.
fn damage(content: &mut Vec<u8>, earlier: &[u8], random: &mut Rng) {
    const PAGE: usize = 4_096;
    let pages = content.len().div_ceil(PAGE);
    let page = |random: &mut Rng| random.usize(0..pages) * PAGE;
    match random.u8(0..5) {
        // A few bits.
        0 => {
            for _ in 0..random.usize(1..20) {
                let at = random.usize(0..content.len());
                content[at] ^= 1 << random.u8(0..8);
            }
        }
        // Pages that never reached the disk although it said so.
        1 => {
            for _ in 0..random.usize(1..8) {
                let at = page(random);
                let end = (at + PAGE).min(content.len()).min(earlier.len());
                if at < end {
                    content[at..end].copy_from_slice(&earlier[at..end]);
                }
            }
        }
        // A page in the place of another one.
        2 => {
            let (from, to) = (page(random), page(random));
            let end = (from + PAGE).min(content.len());
            if to + (end - from) <= content.len() {
                content.copy_within(from..end, to);
            }
        }
        3 => {
            let at = page(random);
            let end = (at + PAGE).min(content.len());
            content[at..end].fill(0);
        }
        _ => content.truncate(page(random)),
    }
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the counts are those of the table in ARCHITECTURE.md")]
async fn two_hundred_damaged_caches_serve_no_wrong_answer() {
    let mut random = Rng::with_seed(0x0a7e_7e03);
    let (mut served, mut missed, mut put_aside) = (0, 0, 0);
    for round in 0..ROUNDS {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("cache.redb");
        let place = Redb::new(dir.path(), LIMITS);
        let store = place.open(false).unwrap();
        let mut now = Versions::new();
        let mut earlier = Vec::new();
        // Every answer that was ever there for a question.
        let mut ever = BTreeSet::new();
        for version in 1..=10 {
            if version == 5 {
                earlier = fs::read(&path).unwrap();
            }
            change(&*store, &mut now, version, &mut random).unwrap();
            ever.extend(now.iter().map(|(number, version)| format!("{number}/{version}")));
        }
        drop(store);
        let mut content = fs::read(&path).unwrap();
        damage(&mut content, &earlier, &mut random);
        fs::write(&path, content).unwrap();

        let store = RedbAnswers::with(Box::new(place), Arc::new(|| 1));
        for number in now.keys().copied() {
            match store.get(key(number)).await {
                Some(entry) => {
                    served += 1;
                    let id = &entry.completion.id;
                    assert!(id.starts_with(&format!("{number}/")), "round {round}: {number}: {id}");
                    assert!(ever.contains(id), "round {round}: {id} was never there");
                }
                None => missed += 1,
            }
        }
        store.close().await;
        put_aside += aside::all(&path).unwrap().len();
    }
    println!(
        "cache: {ROUNDS} files damaged, {put_aside} of them put aside; {served} answers served, {missed} missed; 0 wrong"
    );
    assert!(500 <= served && 100 <= missed && 20 <= put_aside);
}
