//! Power failures: what a caller was told is there afterwards, and the file opens.

use fastrand::Rng;
use futures_util::future::join_all;

use super::*;
use crate::store::redb::power::Power;

const ROUNDS: u64 = 200;
/// Changes and syncs of a disk before its power fails: some while the file is opened, some during
/// the commits after that.
const OPERATIONS: [std::ops::Range<u64>; 2] = [1..12, 12..250];
/// Groups of writes of one round, each of up to six at once.
const GROUPS: usize = 12;

/// A write that nobody was told the end of: it may have happened or not.
#[derive(Debug, PartialEq)]
enum Doubt {
    Created(String),
    Renamed(Uuid, String),
    Deleted(Uuid),
}

/// The users, and what was told of them.
struct Told {
    users: BTreeMap<Uuid, User>,
    doubts: Vec<Doubt>,
    /// The writes that were acknowledged, and those that were not.
    acknowledged: u64,
    refused: u64,
    /// For emails and names, each of which comes once.
    counter: u64,
}

impl Told {
    /// Writes until the power fails.
    async fn write(&mut self, store: &RedbUsers, random: &mut Rng) {
        for _ in 0..GROUPS {
            let mut plans = Vec::new();
            let mut ids: Vec<Uuid> = self.users.keys().copied().collect();
            random.shuffle(&mut ids);
            for _ in 0..random.usize(1..=6) {
                self.counter += 1;
                plans.push(match (random.u8(0..4), ids.pop()) {
                    (0, Some(id)) if 20 < self.users.len() => Doubt::Deleted(id),
                    (1 | 2, Some(id)) => Doubt::Renamed(id, format!("Name {}", self.counter)),
                    _ => Doubt::Created(format!("user{}@example.com", self.counter)),
                });
            }
            let writes = join_all(plans.iter().map(|plan| async {
                match plan {
                    Doubt::Created(address) => store.create(new(address)).await.map(Some),
                    Doubt::Renamed(id, to) => store.update(*id, renamed(to), None).await.map(Some),
                    Doubt::Deleted(id) => store.delete(*id, None).await.map(|()| None),
                }
            }));
            let mut failed = false;
            for (answer, plan) in writes.await.into_iter().zip(plans) {
                match (answer, plan) {
                    (Ok(Some(user)), _) => drop(self.users.insert(user.id, user)),
                    (Ok(None), Doubt::Deleted(id)) => drop(self.users.remove(&id)),
                    (Err(StoreError::Engine(_)), plan) => {
                        self.doubts.push(plan);
                        self.refused += 1;
                        failed = true;
                        continue;
                    }
                    (answer, plan) => panic!("{answer:?} to {plan:?}"),
                }
                self.acknowledged += 1;
            }
            if failed {
                return;
            }
        }
    }

    /// Holds what is there against what was told.
    fn check(&mut self, found: BTreeMap<Uuid, User>, round: u64) {
        for (id, user) in &self.users {
            let doubted = |doubt: &Doubt| self.doubts.contains(doubt);
            match found.get(id) {
                Some(there) if there == user => {}
                Some(there) if doubted(&Doubt::Renamed(*id, there.name.clone())) => {
                    assert_eq!(there.version, user.version + 1, "round {round}");
                }
                None if doubted(&Doubt::Deleted(*id)) => {}
                there => panic!("round {round}: {user:?} was told, {there:?} is there"),
            }
        }
        for user in found.values().filter(|user| !self.users.contains_key(&user.id)) {
            let created = Doubt::Created(user.email.clone());
            assert!(self.doubts.contains(&created), "round {round}: {user:?} is back");
        }
        self.users = found;
        self.doubts.clear();
    }
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the counts are those of the table in ARCHITECTURE.md")]
async fn two_hundred_power_failures_lose_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("users.redb");
    let mut random = Rng::with_seed(0x0a7e_7e01);
    let mut told = Told {
        users: BTreeMap::new(),
        doubts: Vec::new(),
        acknowledged: 0,
        refused: 0,
        counter: 0,
    };
    let (power, mut while_opening) = (Power::default(), 0);
    let open = |power: &Power| {
        let power = power.clone();
        let connect = move |file| power.connect(file, &file::builder());
        RedbUsers::start(UsersFile::open(dir.path(), connect)?, Timestamp::now)
    };
    for round in 0..ROUNDS {
        let operations = OPERATIONS[usize::from(round % 4 != 0)].clone();
        power.fail_after(random.u64(operations));
        match open(&power) {
            Ok(store) => told.write(&store, &mut random).await,
            Err(_) => while_opening += 1,
        }
        power.restore(&path, &mut random);

        let store = open(&power).unwrap_or_else(|error| panic!("round {round}: {error}"));
        store.check().await.unwrap();
        let found = all(&store, 200).await.into_iter().map(|user| (user.id, user)).collect();
        told.check(found, round);
    }
    let Told { users, acknowledged, refused, .. } = told;
    println!(
        "users: {ROUNDS} power failures, {while_opening} of them while opening; {acknowledged} writes acknowledged, \
         {refused} not; {} users at the end; 0 lost",
        users.len()
    );
    assert!(20 <= while_opening && 1_000 <= acknowledged && 100 <= refused);
}

#[tokio::test]
async fn a_disk_that_never_syncs_is_found_out_by_this_test() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("users.redb");
    let users = open(&dir);
    users.create(new("first@example.com")).await.unwrap();
    drop(users);
    let synced = fs::read(&path).unwrap();

    let store = open(&dir);
    let mut told = Told {
        users: all(&store, 200).await.into_iter().map(|user| (user.id, user)).collect(),
        doubts: Vec::new(),
        acknowledged: 0,
        refused: 0,
        counter: 0,
    };
    told.write(&store, &mut Rng::with_seed(1)).await;
    drop(store);
    fs::write(&path, synced).unwrap();

    let store = open(&dir);
    let found: BTreeMap<_, _> =
        all(&store, 200).await.into_iter().map(|user| (user.id, user)).collect();
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| told.check(found, 0)));
    assert!(checked.is_err(), "lost users weren't missed");
}
