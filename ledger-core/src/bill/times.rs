//! Times as providers spell them. What comes out is half-open, whatever came in.

use crate::time::{Day, Timestamp};

/// `2026-04-01 00:00:00 +0000`, always UTC.
pub(super) fn with_offset(text: &str) -> Option<Timestamp> {
    spaced(text.strip_suffix(" +0000")?)
}

/// `2026-04-01 00:00:00`, of which the column says that it is UTC.
pub(super) fn spaced(text: &str) -> Option<Timestamp> {
    if text.len() != 19 {
        return None;
    }
    let (day, clock) = text.split_once(' ')?;
    format!("{day}T{clock}Z").parse().ok()
}

/// `2026-04-01T00:00:00Z`, with an offset and decimals as RFC 3339 has them.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `2023-11-13T10:00Z`, with or without seconds.
pub(super) fn to_the_minute(text: &str) -> Option<Timestamp> {
    let short = text.strip_suffix('Z').filter(|it| it.len() == 16);
    short.map_or_else(|| rfc3339(text), |it| rfc3339(&format!("{it}:00Z")))
}

/// `5/1/25` or `9/30/2023`, month first, with so many digits of the year.
pub(super) fn slashed(text: &str, year_digits: usize) -> Option<Day> {
    let [month, day, year] = <[&str; 3]>::try_from(text.split('/').collect::<Vec<_>>()).ok()?;
    let plain = |it: &str, most: usize| {
        let is_plain = !it.is_empty() && it.len() <= most && it.bytes().all(|c| c.is_ascii_digit());
        is_plain.then(|| it.parse::<u16>().ok()).flatten()
    };
    let (month, day) = (plain(month, 2)?, plain(day, 2)?);
    let year = plain(year, 4).filter(|_| year.len() == year_digits)?;
    let year = if year_digits == 2 { 2000 + year } else { year };
    Day::from_date(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?).ok()
}

/// The end of a line of DigitalOcean. Volumes and taxes end in the last second of a month, which is
/// theirs: the end is the next instant. Any other second is the end itself.
pub(super) fn after_last_second_of_month(end: Timestamp) -> Option<Timestamp> {
    let next = end.plus_seconds(1)?;
    Some(if next == next.period().starts_at() { next } else { end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: Option<Timestamp>, expected: Option<&str>) {
        assert_eq!(read, expected.map(|it| it.parse().unwrap()));
    }

    #[test]
    fn each_spelling_is_read_and_no_other() {
        let noon = Some("2026-04-01T12:00:00Z");
        check(with_offset("2026-04-01 12:00:00 +0000"), noon);
        check(spaced("2026-04-01 12:00:00"), noon);
        check(to_the_minute("2026-04-01T12:00Z"), noon);
        check(to_the_minute("2026-04-01T12:00:00Z"), noon);
        check(rfc3339("2026-04-01T12:00:00.000Z"), noon);
        check(slashed("4/1/26", 2).map(Day::starts_at), Some("2026-04-01T00:00:00Z"));
        check(slashed("4/01/2026", 4).map(Day::starts_at), Some("2026-04-01T00:00:00Z"));
        for text in [
            "2026-04-01 12:00:00",
            "2026-04-01 12:00:00 +0100",
            "2026-04-01 12:00:00 UTC",
            "2026-02-30 12:00:00 +0000",
            "2026-04-01 24:00:00 +0000",
            "2026-04-01  2:00:00 +0000",
            "2026-04-01T12:00:00 +0000",
            "1969-12-31 00:00:00 +0000",
            "",
        ] {
            check(with_offset(text), None);
        }
        for text in ["13/1/26", "4/31/26", "4/1/2026", "4/1", "4/1/26/1", "-4/1/26", "4/1/2x", "//"]
        {
            assert_eq!(slashed(text, 2), None, "{text}");
        }
        check(rfc3339("2023-02-01T30:00:00Z"), None);
        check(to_the_minute("2023-02-01T30:00Z"), None);
    }

    #[test]
    fn only_the_last_second_of_a_month_is_moved() {
        let end = |text: &str| after_last_second_of_month(text.parse().unwrap());
        check(end("2026-04-30T23:59:59Z"), Some("2026-05-01T00:00:00Z"));
        check(end("2026-02-28T23:59:59Z"), Some("2026-03-01T00:00:00Z"));
        for same in ["2026-04-29T23:59:59Z", "2026-05-01T00:00:00Z", "2024-02-28T23:59:59Z"] {
            check(end(same), Some(same));
        }
    }
}
