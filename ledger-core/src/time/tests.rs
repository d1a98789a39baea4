//! Times against the calendar.

use proptest::prelude::*;

use super::*;
use crate::testing;

#[test]
fn a_time_prints_as_it_was_read() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2024-02-29T23:59:59.999999Z",
        "2026-04-01T00:00:00.5Z",
        "9999-12-31T00:00:00Z",
    ] {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }
}

#[test]
fn an_offset_is_taken_off() {
    #[track_caller]
    fn check(text: &str, utc: &str) {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), utc);
    }
    check("2026-04-01T10:00:00+10:00", "2026-04-01T00:00:00Z");
    check("2026-03-31T20:30:00-03:30", "2026-04-01T00:00:00Z");
    check("2026-04-01t00:00:00.1200000z", "2026-04-01T00:00:00.12Z");
}

#[test]
fn what_is_finer_than_microseconds_is_cut_where_it_is_asked_for() {
    let fine = "2026-04-30T23:59:59.999999999Z";
    assert!(fine.parse::<Timestamp>().is_err());
    let cut = Timestamp::from_rfc3339_cut(fine).unwrap();
    assert_eq!(cut.to_string(), "2026-04-30T23:59:59.999999Z");
    for text in ["2026-04-30T23:59:59.Z", "2026-04-30T23:59:59.99999999xZ", "2026-04-30"] {
        assert!(Timestamp::from_rfc3339_cut(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_an_exact_time_is_refused() {
    for text in [
        "",
        "2026-04-01",
        "2026-04-01T00:00:00",
        "2026-04-01 00:00:00Z",
        "2026-04-01T24:00:00Z",
        "2026-04-01T00:60:00Z",
        "2026-04-01T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2026-04-01T00:00:00.Z",
        "2026-04-01T00:00:00.0000001Z",
        "2026-04-01T00:00:00+1000",
        "2026-04-01T00:00:00+24:00",
        "2026-4-01T00:00:00Z",
        "2026-04-01T00:00:0\u{e9}Z",
        "+002026-04-01T00:00:00Z",
        "2023-02-01T30:00:00Z",
    ] {
        let error = text.parse::<Timestamp>();
        assert!(matches!(error, Err(TimeError::Form { .. })), "{text:?} {error:?}");
    }
    for text in ["1969-12-31T23:59:59Z", "9999-12-31T00:00:00.000001Z", "1970-01-01T00:00:00+01:00"]
    {
        let error = text.parse::<Timestamp>();
        assert!(matches!(error, Err(TimeError::Range { .. })), "{text:?} {error:?}");
    }
    assert!(serde_json::from_str::<Timestamp>("\"1969-12-31T00:00:00Z\"").is_err());
    for period in ["\"2026-13\"", "\"2026-00\"", "\"1969-12\"", "\"2026-4\""] {
        assert!(serde_json::from_str::<BillingPeriod>(period).is_err(), "{period}");
    }
    let early = postcard::to_allocvec(&-1_i64).unwrap();
    assert!(postcard::take_from_bytes::<Timestamp>(&early).is_err());
}

#[test]
fn a_period_is_a_month_half_open() {
    let april = "2026-04".parse::<BillingPeriod>().unwrap();
    assert_eq!("2026-04-01".parse(), Ok(april));
    assert_eq!(april.to_string(), "2026-04");
    assert_eq!(april.starts_at().to_string(), "2026-04-01T00:00:00Z");
    assert_eq!(april.ends_at().to_string(), "2026-05-01T00:00:00Z");
    assert!(april.contains(april.starts_at()) && !april.contains(april.ends_at()));
    assert_eq!((april.days(), april.each_day().count()), (30, 30));
    assert_eq!(april.last_day().to_string(), "2026-04-30");
    assert_eq!(april.next().unwrap().to_string(), "2026-05");
    assert_eq!(april.previous().unwrap().to_string(), "2026-03");
    for text in ["2026-4", "2026-13", "2026-00", "2026-04-02", "2026", "+2026-04", "2026-04-01-01"]
    {
        assert!(text.parse::<BillingPeriod>().is_err(), "{text:?}");
    }
}

#[test]
fn months_have_the_days_of_the_calendar() {
    for (period, days) in [("2026-02", 28), ("2024-02", 29), ("2000-02", 29), ("2100-02", 28)] {
        assert_eq!(period.parse::<BillingPeriod>().unwrap().days(), days, "{period}");
    }
}

#[test]
fn time_ends_without_a_panic() {
    let last = Timestamp::MAX;
    assert_eq!(last.day(), Day::MAX);
    assert_eq!(last.period().to_string(), "9999-12");
    assert_eq!(last.period().ends_at(), last);
    assert_eq!(last.period().next(), None);
    assert_eq!(BillingPeriod::new(1970, 1).unwrap().previous(), None);
    assert_eq!(Day::MAX.next(), None);
    assert_eq!(last.plus_micros(1), None);
    assert_eq!(Timestamp::MIN.plus_seconds(-1), None);
    assert_eq!(last.plus_seconds(i64::MAX), None);
}

#[test]
fn five_minutes_ahead_is_a_clock_and_more_is_to_come() {
    let now: Timestamp = "2026-04-30T23:58:00Z".parse().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().is_to_come(now);
    assert!(!at("2026-05-01T00:03:00Z"));
    assert!(at("2026-05-01T00:03:00.000001Z"));
    assert!(!at("1970-01-01T00:00:00Z"));
}

proptest! {
    #![proptest_config(testing::cases(100_000))]

    /// What is printed is read back, in both forms, and agrees with another calendar.
    #[test]
    fn times_round_trip(
        instant in testing::values::timestamp(),
        day in testing::values::day(),
        period in testing::values::period(),
    ) {
        prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        prop_assert_eq!(day.to_string().parse(), Ok(day));
        prop_assert_eq!(period.to_string().parse(), Ok(period));
        prop_assert_eq!(format!("{period}-01").parse(), Ok(period));
        // The other calendar's time ends a day before ours.
        if let Ok(other) = jiff::Timestamp::from_microsecond(instant.as_micros()) {
            prop_assert_eq!(instant.to_string(), other.to_string());
        }
        let bytes = postcard::to_allocvec(&(instant, day, period)).unwrap();
        let read: ((Timestamp, Day, BillingPeriod), _) = postcard::take_from_bytes(&bytes).unwrap();
        prop_assert_eq!(read, ((instant, day, period), &[][..]));
        let json = serde_json::to_string(&(instant, day, period)).unwrap();
        let read: (Timestamp, Day, BillingPeriod) = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, (instant, day, period));
    }

    /// Periods follow one another without a gap, and an instant lies in exactly one.
    #[test]
    fn periods_tile_time(instant in testing::values::timestamp()) {
        let period = instant.period();
        prop_assert!(period.contains(instant) || instant == Timestamp::MAX);
        if let Some(next) = period.next() {
            prop_assert_eq!(next.starts_at(), period.ends_at());
            prop_assert_eq!(next.previous(), Some(period));
            prop_assert!(!next.contains(instant) && !period.contains(next.starts_at()));
        }
        prop_assert!((28..=31).contains(&period.days()));
        prop_assert_eq!(period.each_day().last(), Some(period.last_day()));
        prop_assert!(instant.day().starts_at() <= instant);
        prop_assert!(instant.day().ends_at().is_none_or(|end| instant < end));
    }

    /// No text makes a reader panic.
    #[test]
    fn any_text_is_a_time_or_refused(text in "[0-9TZ:+. -]{0,30}|\\PC{0,12}") {
        if let Ok(instant) = text.parse::<Timestamp>() {
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }
        prop_assert!(text.parse::<Day>().map_or(true, |it| it.to_string() == text));
        prop_assert!(text.parse::<BillingPeriod>().is_err() || text.len() >= 7);
    }
}
