//! An entry of the cache. The first byte says what is done to it: it is read as it is, or sealed
//! first, so that what is behind the seal is reached, or sealed and then changed in one place.
//!
//! Promises: nothing is read but what was written under this key, and that comes back whole.

use sha2::{Digest, Sha256};

use crate::store::answers::{Entry, EntryKey};

const KEY: EntryKey = [7; 32];
/// Format and seal.
const SEALED_FROM: usize = 9;

/// Reads an entry.
pub fn run(data: &[u8]) {
    let [mode, bytes @ ..] = data else { return };
    match mode % 3 {
        0 => check(bytes),
        1 => check(&sealed(bytes)),
        _ => {
            let [place, change, content @ ..] = bytes else { return };
            let mut bytes = sealed(content);
            let place = usize::from(*place) * bytes.len() / 256;
            if let Some(byte) = bytes.get_mut(place)
                && *change != 0
            {
                *byte ^= change;
                assert!(Entry::decode(&KEY, &bytes).is_none(), "a changed entry was read");
            }
        }
    }
}

/// Reads an entry that may be one; what is read comes back once more.
fn check(bytes: &[u8]) {
    let Some(entry) = Entry::decode(&KEY, bytes) else { return };
    assert_eq!(bytes, sealed(bytes.get(SEALED_FROM..).unwrap_or_default()));
    assert!(Entry::decode(&[8; 32], bytes).is_none(), "an entry was read under another key");
    assert!(Entry::decode(&KEY, &bytes[..bytes.len() - 1]).is_none(), "half an entry was read");
    let Ok(written) = entry.encode(&KEY) else { panic!("what was read can't be written") };
    let Some(again) = Entry::decode(&KEY, &written) else { panic!("nor read again") };
    assert_eq!(again.completion, entry.completion);
    assert_eq!((again.stored_at, again.expires_at), (entry.stored_at, entry.expires_at));
    for now in [0, entry.stored_at, entry.expires_at, u64::MAX] {
        assert!(!entry.is_fresh(now) || now < entry.expires_at, "an expired entry is fresh");
    }
    let texts: usize =
        [&entry.completion.id, &entry.completion.model].map(String::len).iter().sum();
    assert!(texts <= entry.weight(), "an entry weighs less than its texts");
}

/// Returns times and content with the head that they have on disk.
fn sealed(content: &[u8]) -> Vec<u8> {
    let digest = Sha256::new().chain_update(KEY).chain_update(content).finalize();
    let mut bytes = vec![1];
    bytes.extend_from_slice(&digest[..8]);
    bytes.extend_from_slice(content);
    bytes
}
