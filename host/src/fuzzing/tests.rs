//! The fuzzer's corpora, and fixed changes of them, in every run of the tests: what stands for the
//! fuzzer where it can't run, and keeps what it found found.

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;

use super::*;

/// Changed cases of each target. All of them take seconds.
const CHANGED: usize = 4_000;
/// The largest case. libFuzzer's own default.
const BYTES_MAX: usize = 4_096;

/// The cases of a target that are kept, by their files' names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut cases: Vec<_> = files
        .map(|file| {
            let file = file.unwrap();
            (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
        })
        .collect();
    cases.sort();
    cases
}

/// Runs the kept cases, then changed ones. A failure names the case, or prints it.
fn check(target: &str, run: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(3 <= corpus.len(), "{target} has too few cases");
    for (name, case) in &corpus {
        let _told = Told { target, case, name };
        run(case);
    }
    let mut random = Rng::with_seed(0x0a7e_7e00);
    for _ in 0..CHANGED {
        let case = changed(&corpus, &mut random);
        let _told = Told { target, case: &case, name: "a changed case" };
        run(&case);
    }
}

/// Says which case failed.
struct Told<'a> {
    target: &'a str,
    case: &'a [u8],
    name: &'a str,
}

impl Drop for Told<'_> {
    #[allow(clippy::print_stderr, reason = "a test that fails says with what")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let case = self.case.escape_ascii();
            eprintln!("{}, {}: b\"{case}\"", self.target, self.name);
        }
    }
}

/// Returns a case with one to eight changes.
fn changed(corpus: &[(String, Vec<u8>)], random: &mut Rng) -> Vec<u8> {
    let (_, mut case) = random.choice(corpus).cloned().unwrap();
    for _ in 0..random.usize(1..=8) {
        let (_, other) = random.choice(corpus).unwrap();
        let from = random.usize(0..=case.len());
        let to = random.usize(from..=case.len().min(from + 64));
        let taken = random.usize(0..=other.len());
        let part = &other[taken..random.usize(taken..=other.len().min(taken + 64))];
        match random.u8(0..6) {
            // Another byte; one bit; nothing; a part again; a part of another case; a strange byte.
            0 if from < case.len() => case[from] = random.u8(..),
            1 if from < case.len() => case[from] ^= 1 << random.u8(0..8),
            2 => drop(case.drain(from..to)),
            3 => case.extend_from_within(from..to),
            4 => drop(case.splice(from..to, part.iter().copied())),
            _ => {
                let strange = *random.choice(b"\0\r\n\t \"\\/{}[]:,.$%&+=\x7f\x80\xff").unwrap();
                case.insert(from, strange);
            }
        }
    }
    case.truncate(BYTES_MAX);
    case
}

#[test]
fn entries_of_the_cache_keep_their_promises() {
    check("cache_entry", cache_entry);
}

#[test]
fn bodies_of_chat_requests_keep_their_promises() {
    check("chat_body", chat_body);
}

#[test]
fn components_keep_their_promises() {
    check("component", component);
}

#[test]
fn streams_of_vendors_keep_their_promises() {
    check("framing", framing);
}

#[test]
fn heads_keep_their_promises() {
    check("http_head", http_head);
}

#[test]
fn files_of_providers_keep_their_promises() {
    check("provider_file", provider_file);
}

#[test]
fn redaction_keeps_its_promises() {
    check("redaction", redaction);
}

#[test]
fn every_corpus_has_a_target_and_every_target_a_corpus() {
    let names = |folder: &str, ending: &str| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder);
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| name.trim_end_matches(ending).to_owned())
            .collect();
        names.sort();
        names
    };
    // That one is in C.
    let mut targets = names("fuzz_targets", ".rs");
    targets.push("json_reader".to_owned());
    targets.sort();
    assert_eq!(names("corpus", ""), targets);
}
