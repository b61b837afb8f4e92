//! Money that is set aside and spent by many at a time, and never forgotten too early or kept too long.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::calendar::{Window, Zone};
use crate::host::memory::MemoryHost;

const HOUR: Duration = Duration::from_secs(3600);
/// The start of an hour, of a minute, and of a generation of calls of ten minutes.
const START: Duration = Duration::from_secs(1_795_816_800);

fn budget(per: Option<&str>, limit: u64) -> Budget {
    Budget {
        name: "b".to_owned(),
        per: per.map(str::to_owned),
        unit: Unit::NanoDollars,
        limit,
        limits: [("rich".to_owned(), 1000)].into(),
        window: Period::Calendar(Window::Hour),
        stages: Stages {
            warn: Some(800_000),
            lower: Some(900_000),
            cheapest: Some(950_000),
            reject: Some(WHOLE),
        },
    }
}

fn book(per: Option<&str>, limit: u64) -> Book {
    Book::new(budget(per, limit), Zone::default(), Duration::from_secs(600))
}

fn used(book: &Book, host: &MemoryHost, holder: &str, now: Duration) -> u64 {
    book.standing(host, holder, now).used
}

fn reserved(book: &Book, host: &MemoryHost, holder: &str, amount: u64, now: Duration) -> Option<Reservation> {
    book.reserve(host, holder, (amount, now)).unwrap().1
}

#[test]
fn a_stage_holds_from_its_share_on() {
    let stages = budget(None, 0).stages;
    for (used, stage) in [
        (0, Stage::Within),
        (79, Stage::Within),
        (80, Stage::Warn),
        (90, Stage::Lower),
        (95, Stage::Cheapest),
        (99, Stage::Cheapest),
        (100, Stage::Reject),
        (u64::MAX, Stage::Reject),
    ] {
        assert_eq!(stages.at(used, 100), stage, "{used}");
    }
    assert_eq!(stages.at(0, 0), Stage::Reject, "nothing is there to be spent");
    assert_eq!(Stages::default().at(u64::MAX, 1), Stage::Within);
}

#[test]
fn what_is_set_aside_counts_until_it_is_settled() {
    let (host, book) = (MemoryHost::default(), book(None, 100));
    let first = reserved(&book, &host, "", 60, START).unwrap();
    let second = reserved(&book, &host, "", 60, START).unwrap();
    assert_eq!(used(&book, &host, "", START), 120);
    assert_eq!(reserved(&book, &host, "", 1, START), None, "it is spent");
    book.settle(&host, &first, (10, START)).unwrap();
    assert_eq!(used(&book, &host, "", START), 70);
    book.settle(&host, &second, (0, START)).unwrap();
    assert_eq!(used(&book, &host, "", START), 10);
}

#[test]
fn each_holder_has_what_is_its_own() {
    let (host, book) = (MemoryHost::default(), book(Some("team"), 100));
    let one = reserved(&book, &host, "one", 100, START).unwrap();
    book.settle(&host, &one, (100, START)).unwrap();
    let standing = |holder| book.standing(&host, holder, START);
    assert_eq!((standing("one").stage, standing("two").stage), (Stage::Reject, Stage::Within));
    assert_eq!((standing("one").limit, standing("rich").limit), (100, 1000));
    let accounts: Vec<_> = book
        .accounts(&host, START)
        .into_iter()
        .map(|(account, standing)| (account.name, standing.used))
        .collect();
    assert_eq!(accounts, [("one".to_owned(), 100)]);
}

#[test]
fn a_window_that_has_ended_is_forgotten_but_not_the_calls_under_way() {
    let (host, book) = (MemoryHost::default(), book(None, 100));
    let late = START + HOUR - Duration::from_secs(1);
    let spent = reserved(&book, &host, "", 100, late).unwrap();
    book.settle(&host, &spent, (100, late)).unwrap();
    assert_eq!(book.standing(&host, "", late).resets_in, Duration::from_secs(1));
    let next = START + HOUR;
    assert_eq!(used(&book, &host, "", next), 0);
    let under_way = reserved(&book, &host, "", 40, next).unwrap();
    assert_eq!(used(&book, &host, "", next), 40);
    book.settle(&host, &under_way, (30, next)).unwrap();
    assert_eq!(used(&book, &host, "", next), 30);
}

#[test]
fn a_call_is_charged_to_the_window_in_which_it_ends() {
    let (host, book) = (MemoryHost::default(), book(None, 100));
    let late = START + HOUR - Duration::from_secs(1);
    let call = reserved(&book, &host, "", 60, late).unwrap();
    let next = START + HOUR;
    assert_eq!(used(&book, &host, "", next), 60, "it is still under way");
    book.settle(&host, &call, (50, next)).unwrap();
    assert_eq!(used(&book, &host, "", next), 50);
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn rolling(limit: u64) -> Book {
    let budget = Budget { window: Period::Rolling(DAY), ..budget(None, limit) };
    Book::new(budget, Zone::default(), Duration::from_secs(600))
}

fn spend(book: &Book, host: &MemoryHost, amount: u64, now: Duration) {
    let reservation = reserved(book, host, "", amount, now).unwrap();
    book.settle(host, &reservation, (amount, now)).unwrap();
}

#[test]
fn a_rolling_window_forgets_what_is_older_than_it_is_long() {
    let (host, book) = (MemoryHost::default(), rolling(100));
    spend(&book, &host, 60, START);
    spend(&book, &host, 40, START + 10 * HOUR);
    let standing = |hours: u32| book.standing(&host, "", START + hours * HOUR);
    assert_eq!((standing(10).stage, standing(24).used), (Stage::Reject, 100));
    assert_eq!(standing(10).resets_in, 15 * HOUR, "then the first sum is gone");
    assert_eq!((standing(25).used, standing(34).used, standing(35).used), (40, 40, 0));
    assert_eq!(standing(25).stage, Stage::Within);
}

#[test]
fn what_nobody_settles_is_given_back_after_the_longest_call() {
    let (host, book) = (MemoryHost::default(), book(None, 100));
    reserved(&book, &host, "", 100, START).unwrap();
    let after = |minutes: u64| START + Duration::from_secs(minutes * 60);
    assert_eq!(used(&book, &host, "", after(9)), 100);
    assert_eq!(
        used(&book, &host, "", after(19)),
        100,
        "a call that began late in its generation may still be under way"
    );
    assert_eq!(used(&book, &host, "", after(20)), 0);
    let late = reserved(&book, &host, "", 30, after(20)).unwrap();
    assert_eq!(used(&book, &host, "", after(30)), 30);
    book.settle(&host, &late, (5, after(30))).unwrap();
    assert_eq!(used(&book, &host, "", after(30)), 5);
}

#[test]
fn holders_without_a_place_share_one_account_and_none_is_forgotten() {
    let (host, book) = (MemoryHost::default(), book(Some("user"), 100));
    let holders: Vec<String> = (0..6000).map(|at| format!("user-{at}")).collect();
    for holder in &holders {
        if let Some(reservation) = reserved(&book, &host, holder, 1, START) {
            book.settle(&host, &reservation, (1, START)).unwrap();
        }
    }
    let forgotten = holders.iter().filter(|holder| used(&book, &host, holder, START) == 0).count();
    assert_eq!(forgotten, 0);
    let stage = book.standing(&host, "another", START).stage;
    assert_eq!(stage, Stage::Reject, "those who share are stopped together");
    let next = START + HOUR;
    assert_eq!(used(&book, &host, "another", next), 0, "places are free again");
    assert_eq!(
        reserved(&book, &host, "another", 7, next).map(|_| used(&book, &host, "another", next)),
        Some(7)
    );
}

#[test]
fn a_name_that_is_long_is_told_from_others_that_begin_alike() {
    let (host, book) = (MemoryHost::default(), book(Some("user"), 100));
    let (one, two) = (format!("{}1", "é".repeat(100)), format!("{}2", "é".repeat(100)));
    let reservation = reserved(&book, &host, &one, 50, START).unwrap();
    book.settle(&host, &reservation, (50, START)).unwrap();
    assert_eq!((used(&book, &host, &one, START), used(&book, &host, &two, START)), (50, 0));
}

#[test]
fn another_limit_is_the_same_budget_another_window_is_not() {
    let host = MemoryHost::default();
    let before = book(None, 100);
    let reservation = reserved(&before, &host, "", 80, START).unwrap();
    before.settle(&host, &reservation, (80, START)).unwrap();
    assert_eq!(used(&book(None, 500), &host, "", START), 80);
    let daily = Book::new(
        Budget { window: Period::Calendar(Window::Day), ..budget(None, 100) },
        Zone::default(),
        HOUR,
    );
    assert_eq!(used(&daily, &host, "", START), 0);
}

#[test]
fn many_at_a_time_overshoot_by_less_than_one_call() {
    let host = MemoryHost::default();
    let workers = [book(None, 1000), book(None, 1000)];
    let mut held = Vec::new();
    for call in 0..64 {
        held.extend(
            reserved(&workers[call % 2], &host, "", 70, START).map(|reservation| (call % 2, reservation)),
        );
    }
    assert_eq!(held.len(), 15, "the last one crosses the line");
    for (worker, reservation) in &held {
        workers[*worker].settle(&host, reservation, (70, START)).unwrap();
    }
    assert!(used(&workers[0], &host, "", START) < 1000 + 70);
}

proptest! {
    #[test]
    fn what_was_spent_in_a_window_is_the_sum(amounts in prop::collection::vec((0_u64..1000, 0_u64..1000, 0_u64..7200), 0..24)) {
        let (host, book) = (MemoryHost::default(), book(None, u64::MAX));
        let mut now = START;
        let mut sums = BTreeMap::<u64, u64>::new();
        for (estimate, spent, seconds) in amounts {
            let reservation = reserved(&book, &host, "", estimate, now).unwrap();
            book.settle(&host, &reservation, (spent, now)).unwrap();
            *sums.entry(now.as_secs() / 3600).or_default() += spent;
            prop_assert_eq!(used(&book, &host, "", now), sums[&(now.as_secs() / 3600)]);
            now += Duration::from_secs(seconds);
        }
    }

    #[test]
    fn a_rolling_window_holds_all_of_its_length_and_at_most_a_slot_more(spent in prop::collection::vec((0_u64..1000, 0_u64..20_000), 1..60)) {
        let (host, book) = (MemoryHost::default(), rolling(u64::MAX));
        let (mut now, mut all) = (START, Vec::new());
        for (amount, seconds) in spent {
            now += Duration::from_secs(seconds);
            spend(&book, &host, amount, now);
            all.push((now, amount));
            let since = |age: Duration| all.iter().filter(|(at, _)| now - *at < age).map(|(_, amount)| amount).sum::<u64>();
            let used = used(&book, &host, "", now);
            prop_assert!((since(DAY)..=since(DAY + HOUR)).contains(&used), "{used}");
        }
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = Account::decode(&bytes);
    }

    #[test]
    fn an_account_is_read_as_it_was_written(name in ".{0,20}", amounts: [u64; 3]) {
        let mut account = Account::of(&name, 3);
        account.reserve(amounts[0]);
        account.settle(0, amounts[1], amounts[2]);
        prop_assert_eq!(Account::decode(&account.encode()), Some(account));
    }
}
