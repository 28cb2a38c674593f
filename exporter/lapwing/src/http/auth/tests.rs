//! Logins, with real hashes.

use super::*;

fn user(name: &str, password: &str, cost: u32) -> User {
    User {
        name: name.into(),
        hash: bcrypt::hash(password, cost).unwrap(),
        cost,
    }
}

fn basic(pair: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap()
}

async fn admit(gate: &Gate, headers: &[HeaderValue], secured: &Secured) -> Result<(), Refusal> {
    gate.admit(headers.iter(), secured).await
}

fn with(users: Vec<User>) -> Secured {
    Secured {
        users,
        ..Secured::open()
    }
}

#[test]
fn credentials_are_read_as_the_rfc_has_them() {
    let read = |value: &str| credentials(value.as_bytes()).map(|c| (c.user, c.password));
    let pair = |user: &str, password: &str| Some((user.as_bytes().to_vec(), password.as_bytes().to_vec()));
    assert_eq!(read("Basic YWxpY2U6YTpi"), pair("alice", "a:b"));
    assert_eq!(read("bAsIc YWxpY2U6YTpi"), pair("alice", "a:b"));
    assert_eq!(read("Basic  Og== "), pair("", ""));
    for bad in [
        "",
        "Basic",
        "Basic ",
        "Basic YWxpY2U=",
        "Basic YWxpY2U6YTp",
        "Basic !!",
        "Bearer YWxpY2U6YTpi",
        "Basi\u{e9}",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert!(read(&format!("Basic {}", "Og==".repeat(1_000))).is_none(), "too long");
}

#[tokio::test]
async fn only_the_right_pair_gets_in() {
    let gate = Gate::new();
    let secured = with(vec![user("alice", "one", 4), user("bob", "two", 4)]);
    for (pair, expected) in [
        ("alice:one", Ok(())),
        ("bob:two", Ok(())),
        ("alice:two", Err(Refusal::Unauthorized)),
        ("alice:", Err(Refusal::Unauthorized)),
        ("Alice:one", Err(Refusal::Unauthorized)),
        ("nobody:one", Err(Refusal::Unauthorized)),
        (":one", Err(Refusal::Unauthorized)),
    ] {
        assert_eq!(admit(&gate, &[basic(pair)], &secured).await, expected, "{pair}");
    }
    assert_eq!(admit(&gate, &[], &secured).await, Err(Refusal::Unauthorized));
    let two = [basic("alice:one"), basic("alice:one")];
    assert_eq!(admit(&gate, &two, &secured).await, Err(Refusal::Unauthorized));
    assert_eq!(
        admit(&gate, &[], &Secured::open()).await,
        Ok(()),
        "without users everybody may"
    );
}

/// A password that was right is not computed again, until its hash changes; then the old one is of no use.
#[tokio::test]
async fn what_was_right_is_remembered_with_its_hash() {
    let gate = Gate::new();
    let secured = with(vec![user("alice", "one", 11)]);
    let header = [basic("alice:one")];
    let first = Instant::now();
    assert_eq!(admit(&gate, &header, &secured).await, Ok(()));
    let first = first.elapsed();
    let again = Instant::now();
    for _ in 0..50 {
        assert_eq!(admit(&gate, &header, &secured).await, Ok(()));
    }
    assert!(
        again.elapsed() < first,
        "{:?} for 50, {first:?} for the first",
        again.elapsed()
    );
    let changed = with(vec![user("alice", "other", 4)]);
    assert_eq!(admit(&gate, &header, &changed).await, Err(Refusal::Unauthorized));
    for number in 0..2 * REMEMBERED as u64 {
        remember(&mut lock(&gate.known), Sha256::digest(number.to_le_bytes()).into());
    }
    assert_eq!(lock(&gate.known).len(), REMEMBERED, "bounded");
}

/// The fastest of a few: a busy machine makes some of them slow.
fn fastest(hash: &str) -> Duration {
    let one = || {
        let time = Instant::now();
        assert!(!bcrypt::verify("wrong", hash).unwrap());
        time.elapsed()
    };
    (0..8).map(|_| one()).min().unwrap()
}

/// Whether a name exists must not be seen from the time that a refusal takes: nobody's hash costs the same.
#[tokio::test]
async fn a_name_that_does_not_exist_costs_a_hash_too() {
    let users = [user("alice", "one", 4), user("bob", "two", 8)];
    let parts: bcrypt::HashParts = nobody(&users).parse().unwrap();
    assert_eq!(parts.get_cost(), 8);
    let (known, unknown) = (fastest(&users[1].hash), fastest(&nobody(&users)));
    assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} {unknown:?}");
}

/// A flood of guesses: one hash at a time with pauses, few wait, the rest is turned away at once, and who is known is not held up.
#[tokio::test]
async fn guessing_is_slow_and_holds_up_nobody_who_is_known() {
    let gate = Arc::new(Gate::new());
    let secured = Arc::new(with(vec![user("alice", "one", 8)]));
    assert_eq!(admit(&gate, &[basic("alice:one")], &secured).await, Ok(()));
    let time = Instant::now();
    let guesses: Vec<_> = (0..100)
        .map(|number| {
            let (gate, secured) = (gate.clone(), secured.clone());
            tokio::spawn(async move { admit(&gate, &[basic(&format!("alice:{number}"))], &secured).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(gate.waiting.available_permits(), 0, "the flood is there");
    assert_eq!(admit(&gate, &[basic("alice:one")], &secured).await, Ok(()));
    assert_eq!(gate.waiting.available_permits(), 0, "and was not waited for");
    let mut busy = 0;
    for guess in guesses {
        busy += usize::from(guess.await.unwrap() == Err(Refusal::Busy));
    }
    assert_eq!(busy, 100 - WAITING);
    // Each but the last is followed by its pause.
    let least = fastest(&secured.users[0].hash) * (1 + PAUSE) * (WAITING as u32 - 1);
    assert!(time.elapsed() > least, "{:?}, at least {least:?}", time.elapsed());
}
