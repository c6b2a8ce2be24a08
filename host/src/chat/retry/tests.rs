//! Failures that pass and those that don't, on a paused clock.

use super::*;

const POLICY: Policy = Policy { max_retries: 3, delay: Duration::from_millis(1_000) };

fn failed(kind: ErrorKind, retry_after_ms: Option<u32>) -> CallError {
    CallError::from(ProviderError {
        kind,
        message: String::new(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms,
        extra: None,
    })
}

fn overloaded() -> CallError {
    failed(ErrorKind::Overloaded, None)
}

/// Attempts whose outcomes are set; after the last one they stall.
struct Scripted<'a> {
    outcomes: std::vec::IntoIter<Result<u32, AttemptError>>,
    made: &'a mut u32,
}

impl Attempt for Scripted<'_> {
    type Completion = u32;

    fn provider(&self) -> &str {
        "test"
    }

    async fn attempt(&mut self, number: u32) -> Result<u32, AttemptError> {
        *self.made = number;
        match self.outcomes.next() {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

/// Runs with outcomes of attempts in order; gives the result, how many were made and how long
/// it took.
async fn attempts(
    seconds: u64,
    outcomes: Vec<Result<u32, AttemptError>>,
) -> (Result<u32, CallError>, u32, Duration) {
    let began = Instant::now();
    let mut made = 0;
    let mut call = Scripted { outcomes: outcomes.into_iter(), made: &mut made };
    let result = run(POLICY, Deadline::after(Duration::from_secs(seconds)), &mut call).await;
    (result, made, began.elapsed())
}

fn unheard(error: CallError) -> Result<u32, AttemptError> {
    Err(AttemptError::unheard(error))
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_waited_out() {
    let outcomes = vec![unheard(overloaded()), unheard(overloaded()), Ok(7)];
    let (result, made, took) = attempts(600, outcomes).await;
    assert_eq!((result.unwrap(), made), (7, 3));
    // A half to a whole of one second and of two.
    assert!(
        (Duration::from_millis(1_500)..=Duration::from_millis(3_010)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_given_once_the_retries_are_used_up() {
    let (result, made, _) = attempts(600, (0..9).map(|_| unheard(overloaded())).collect()).await;
    assert_eq!((result.unwrap_err().kind(), made), ("overloaded", 4));
}

#[tokio::test(start_paused = true)]
async fn the_vendors_wish_is_kept_to_the_second() {
    let outcomes = vec![unheard(failed(ErrorKind::RateLimited, Some(2_000))), Ok(1)];
    let (_, _, took) = attempts(600, outcomes).await;
    assert!((Duration::from_secs(2)..Duration::from_millis(2_010)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_is_never_tried_again() {
    let outcomes = vec![Err(AttemptError { error: overloaded(), content_sent: true }), Ok(1)];
    let (result, made, _) = attempts(600, outcomes).await;
    assert!(result.is_err() && made == 1);
}

#[tokio::test(start_paused = true)]
async fn one_deadline_bounds_all_attempts_and_their_waits() {
    let (result, made, took) = attempts(5, vec![unheard(overloaded())]).await;
    assert!(matches!(result, Err(CallError::Deadline { .. })));
    assert_eq!((made, took.as_secs()), (2, 5));

    // A wait that would outlast it isn't begun: the vendor's failure says more than the
    // deadline's.
    let (result, made, took) =
        attempts(5, vec![unheard(failed(ErrorKind::RateLimited, Some(6_000)))]).await;
    assert_eq!(result.unwrap_err().kind(), "rate-limited");
    assert_eq!((made, took), (1, Duration::ZERO));
}

#[test]
fn the_wait_doubles_between_half_and_whole() {
    for (attempts, whole) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
        let whole = Duration::from_millis(whole);
        assert_eq!(POLICY.wait(attempts, &overloaded(), 0.0), Some(whole / 2));
        assert_eq!(POLICY.wait(attempts, &overloaded(), 1.0), Some(whole));
    }
}

#[test]
fn retries_are_counted_after_the_first_attempt() {
    assert!(POLICY.wait(3, &overloaded(), 0.5).is_some());
    assert_eq!(POLICY.wait(4, &overloaded(), 0.5), None);
    let none = Policy { max_retries: 0, ..POLICY };
    assert_eq!(none.wait(1, &overloaded(), 0.5), None);
}

#[test]
fn no_wait_of_ours_is_longer_than_its_cap() {
    let patient = Policy { max_retries: u32::MAX, ..POLICY };
    assert_eq!(patient.wait(1_000_000, &overloaded(), 1.0), Some(BACKOFF_MAX));
}

#[test]
fn the_vendors_wish_wins_up_to_a_minute_and_ends_the_matter_above() {
    let asked = |ms| POLICY.wait(1, &failed(ErrorKind::RateLimited, Some(ms)), 0.5);
    assert_eq!(asked(2_000), Some(Duration::from_secs(2)));
    assert_eq!(asked(60_000), Some(Duration::from_secs(60)));
    assert_eq!(asked(60_001), None);
    assert_eq!(asked(0), Some(Duration::from_millis(750)));
}

#[test]
fn the_vendors_advice_decides_within_the_budget() {
    let advised = |kind: ErrorKind, advice: &str| {
        let CallError::Provider(error) = failed(kind, None) else { panic!("a provider's") };
        let extra = format!(r#"{{"a":[1.10],"x-should-retry":{advice}}}"#);
        CallError::from(ProviderError { extra: Some(extra), ..*error })
    };
    let tried = |attempts, kind: ErrorKind, advice: &str| {
        POLICY.wait(attempts, &advised(kind, advice), 0.5).is_some()
    };
    for no in [r#""false""#, "false", r#"" False ""#] {
        assert!(!tried(1, ErrorKind::Overloaded, no), "{no}");
        assert!(!tried(1, ErrorKind::RateLimited, no), "{no}");
    }
    for yes in [r#""true""#, "true", r#""TRUE""#] {
        assert!(tried(1, ErrorKind::InvalidRequest, yes), "{yes}");
        assert!(tried(3, ErrorKind::Other("conflict".into()), yes), "{yes}");
        assert!(!tried(4, ErrorKind::InvalidRequest, yes), "the budget is ours");
        assert!(!tried(1, ErrorKind::Denied, yes), "no vendor said so");
        assert!(!tried(1, ErrorKind::Unconfigured, yes), "no vendor said so");
    }
    for nothing in ["null", r#""""#, r#""perhaps""#, "1", "{}"] {
        assert!(tried(1, ErrorKind::Overloaded, nothing), "{nothing}");
        assert!(!tried(1, ErrorKind::InvalidRequest, nothing), "{nothing}");
    }
}

#[test]
fn what_waiting_cannot_mend_is_not_tried_again() {
    for kind in [
        ErrorKind::InvalidRequest,
        ErrorKind::Unsupported,
        ErrorKind::Credentials,
        ErrorKind::Billing,
        ErrorKind::NotFound,
        ErrorKind::TooLarge,
        ErrorKind::BadResponse,
        ErrorKind::Denied,
        ErrorKind::Unconfigured,
        ErrorKind::Other("x".into()),
    ] {
        assert_eq!(POLICY.wait(1, &failed(kind.clone(), None), 0.5), None, "{kind:?}");
    }
    let trapped =
        CallError::Trapped { plugin: "p".into(), trap: "t".into(), stderr: String::new() };
    assert_eq!(POLICY.wait(1, &trapped, 0.5), None);
}
