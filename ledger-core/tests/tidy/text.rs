//! Rules that read one line, or one file, at a time.
//!
//! The words that a rule refuses are put together from halves here, so that this file keeps the
//! rules too.

use crate::repository::{File, Finding, Repository};

const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 600;
/// What the `//!` of a longer file has to hold, beside the reason itself.
const REASON_FOR_LENGTH: &str = "600 lines";

const LEFTOVERS: [&str; 9] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("for ", "now"),
    concat!("place", "holder"),
    concat!("st", "ub"),
    concat!("simpli", "fied"),
];
/// Also the code of "no currency", so it is refused in comments only.
const LEFTOVER_IN_COMMENTS: &str = concat!("XX", "X");

const ATTRIBUTES: [&str; 3] =
    [concat!("#[", "ignore"), concat!("#[", "allow("), concat!("#![", "allow(")];

const MACHINE_PATHS: [&str; 4] =
    [concat!("/", "work/"), concat!("/", "home/"), concat!("/", "root/"), concat!("/", "farm/")];
/// A test may make a directory there; a document that names one describes somebody's machine.
const SCRATCH_PATH: &str = concat!("/", "tmp/");

const WORKSHOP: [&str; 9] = [
    concat!("this ", "session"),
    concat!("previous ", "session"),
    concat!("developer ", "session"),
    concat!("the ", "brief"),
    concat!("sub", "-agent"),
    concat!("coding ", "agent"),
    concat!("language ", "model"),
    concat!("arti", "factory"),
    concat!("as ", "instructed"),
];
const TICKET: &str = concat!("iss", "ue");

/// Whether `word` stands in `line` with no letter, digit or underscore on either side.
fn holds_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

fn lines_where<'a>(
    files: impl Iterator<Item = &'a File>,
    what: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let broken = file.lines().filter_map(|(number, line)| Some((number, what(line)?)));
        findings.extend(broken.map(|(number, what)| Finding::at(file, number, what)));
    }
    findings
}

/// Work that was meant to be finished.
pub(crate) fn leftovers(repository: &Repository) -> Vec<Finding> {
    lines_where(repository.rust(), |line| {
        // An input field of a page has an attribute of this name.
        let line = line.replace(concat!("place", "holder="), "");
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        let found = LEFTOVERS.into_iter().find(|word| holds_word(&line, word)).or_else(|| {
            holds_word(comment, LEFTOVER_IN_COMMENTS).then_some(LEFTOVER_IN_COMMENTS)
        })?;
        Some(format!("{found} is left over"))
    })
}

/// Lines that rustfmt could not break: long texts. One long word (a digest, a URL) may stand.
pub(crate) fn long_lines(repository: &Repository) -> Vec<Finding> {
    lines_where(repository.rust(), |line| {
        let columns = line.chars().count();
        let text = line.trim_start().trim_start_matches('/').trim();
        (columns > COLUMNS_MAX && text.contains(' ')).then(|| format!("{columns} columns"))
    })
}

/// What an editor may show as something else.
pub(crate) fn beyond_ascii(repository: &Repository) -> Vec<Finding> {
    lines_where(repository.rust(), |line| {
        let found = line.chars().find(|c| !c.is_ascii() || (c.is_ascii_control() && *c != '\t'))?;
        Some(format!("{found:?} is not printable ASCII"))
    })
}

/// Files that do not say what they are.
pub(crate) fn no_header(repository: &Repository) -> Vec<Finding> {
    let silent = repository.rust().filter(|file| !file.text().starts_with("//! "));
    silent.map(|file| Finding::of(file, "does not begin with `//! `")).collect()
}

/// Long files without a reason.
pub(crate) fn long_files(repository: &Repository) -> Vec<Finding> {
    let without_reason = repository.rust().filter(|file| {
        let mut header = file.text().lines().take_while(|line| line.starts_with("//!"));
        file.lines().count() > LINES_MAX && !header.any(|line| line.contains(REASON_FOR_LENGTH))
    });
    let what = |file: &File| {
        let lines = file.lines().count();
        format!("{lines} lines, and its `//!` does not say why it is past {REASON_FOR_LENGTH}")
    };
    without_reason.map(|file| Finding::of(file, what(file))).collect()
}

/// Tests that do not run, and warnings that nobody hears.
pub(crate) fn forbidden_attributes(repository: &Repository) -> Vec<Finding> {
    lines_where(repository.rust(), |line| {
        let found = ATTRIBUTES.into_iter().find(|attribute| line.contains(attribute))?;
        Some(format!("{found} is refused; `expect` gives a reason and notices when it is stale"))
    })
}

/// `test_` says nothing that `#[test]` does not.
pub(crate) fn test_prefixes(repository: &Repository) -> Vec<Finding> {
    lines_where(repository.rust(), |line| {
        let name = line.trim_start().strip_prefix("fn test_")?;
        Some(format!("the name of a test is a claim: {}", name.split('(').next()?))
    })
}

/// Spaces at the end of a line, and a last line without its end.
pub(crate) fn stray_whitespace(repository: &Repository) -> Vec<Finding> {
    // Files in the shapes of others are kept byte for byte as their makers write them.
    let ours = |file: &&File| {
        !file.path.starts_with("fixtures/providers/") && !file.path.ends_with(".csv")
    };
    let mut findings = lines_where(repository.files.iter().filter(ours), |line| {
        line.ends_with([' ', '\t', '\r']).then(|| "whitespace at the end of the line".to_owned())
    });
    let unfinished = repository.files.iter().filter(ours).filter(|file| {
        let text = file.text();
        !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n"))
    });
    findings.extend(unfinished.map(|file| Finding::of(file, "does not end with one newline")));
    findings
}

/// Paths that exist on one machine only.
pub(crate) fn machine_paths(repository: &Repository) -> Vec<Finding> {
    let mut findings = lines_where(repository.files.iter(), |line| {
        let found = MACHINE_PATHS.into_iter().find(|path| line.contains(path))?;
        Some(format!("{found} is a path of one machine"))
    });
    findings.extend(lines_where(repository.ending(".md"), |line| {
        line.contains(SCRATCH_PATH).then(|| format!("{SCRATCH_PATH} is a path of one machine"))
    }));
    findings
}

/// Who made it, how and on what order is no part of it.
pub(crate) fn words_of_the_workshop(repository: &Repository) -> Vec<Finding> {
    let written = repository.files.iter().filter(|file| file.path != "Cargo.lock");
    lines_where(written, |line| {
        let line = line.to_lowercase();
        let ticket = line.match_indices(TICKET).find(|(at, _)| {
            let rest = line[at + TICKET.len()..].trim_start_matches(' ');
            rest.trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit())
        });
        let found = WORKSHOP.into_iter().find(|words| line.contains(words));
        let found = found.or(ticket.map(|(_, ticket)| ticket))?;
        Some(format!("\"{found}\" speaks of how this was made"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::tells_apart;

    #[test]
    fn a_leftover_is_found_as_a_word_only() {
        let bad: Vec<String> =
            LEFTOVERS.iter().map(|word| format!("let a = 1; // {word}")).collect();
        let bad: Vec<(&str, &str)> = bad.iter().map(|line| ("a.rs", line.as_str())).collect();
        let currency = format!("let none = \"{LEFTOVER_IN_COMMENTS}\";");
        let field = format!("<input {}=\"2026-04\">", LEFTOVERS[6]);
        tells_apart(
            leftovers,
            &[("a.rs", "// a stubborn tax"), ("a.rs", &currency), ("a.rs", &field)],
            &bad,
        );
        let comment = format!("// {LEFTOVER_IN_COMMENTS}: later");
        tells_apart(leftovers, &[("a.md", &comment)], &[("a.rs", &comment)]);
    }

    #[test]
    fn a_long_text_is_found_and_a_long_digest_is_not() {
        let text = format!("// {}", "two words ".repeat(10));
        let digest = format!("    // {}", "0f".repeat(60));
        let exact = format!("// a{}", " b".repeat(48));
        assert_eq!(exact.len(), COLUMNS_MAX);
        let longer = format!("{exact}c");
        tells_apart(
            long_lines,
            &[("a.rs", &digest), ("a.rs", &exact), ("a.md", &text)],
            &[("a.rs", &text), ("a.rs", &longer)],
        );
    }

    #[test]
    fn a_character_beyond_ascii_is_found() {
        tells_apart(
            beyond_ascii,
            &[("a.rs", "let dash = '\\u{2014}';"), ("a.md", "na\u{ef}ve")],
            &[("a.rs", "// na\u{ef}ve"), ("a.rs", "// bell \u{7}")],
        );
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        tells_apart(
            no_header,
            &[("a.rs", "//! The clock.\n\nfn a() {}\n")],
            &[("a.rs", "fn a() {}\n"), ("a.rs", "// The clock.\n"), ("a.rs", "//!\n")],
        );
    }

    #[test]
    fn a_long_file_is_found_unless_it_says_why() {
        let body = "fn a() {}\n".repeat(LINES_MAX);
        let (silent, speaking) = (
            format!("//! The clock.\n{body}"),
            format!("//! The clock. Past {REASON_FOR_LENGTH}: one table.\n{body}"),
        );
        let late = format!("//! The clock.\n{body}// {REASON_FOR_LENGTH}\n");
        tells_apart(
            long_files,
            &[("a.rs", &body), ("a.rs", &speaking), ("a.md", &silent)],
            &[("a.rs", &silent), ("a.rs", &late)],
        );
    }

    #[test]
    fn an_ignored_test_and_a_silenced_lint_are_found() {
        let bad: Vec<String> = ATTRIBUTES.iter().map(|it| format!("    {it}dead_code)]")).collect();
        let bad: Vec<(&str, &str)> = bad.iter().map(|line| ("a.rs", line.as_str())).collect();
        tells_apart(
            forbidden_attributes,
            &[("a.rs", "#[expect(dead_code, reason = \"a\")]")],
            &bad,
        );
    }

    #[test]
    fn a_test_that_claims_nothing_is_found() {
        let bad = concat!("    fn te", "st_append() {");
        tells_apart(test_prefixes, &[("a.rs", "fn testing() {")], &[("a.rs", bad)]);
    }

    #[test]
    fn stray_whitespace_is_found() {
        tells_apart(
            stray_whitespace,
            &[("a.rs", "fn a() {}\n"), ("a.rs", ""), ("fixtures/providers/a.json", "{} \r\n")],
            &[
                ("a.rs", "fn a() {} \n"),
                ("a.md", "tab\t\n"),
                ("a.sh", "no end"),
                ("a.toml", "two ends\n\n"),
            ],
        );
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let bad: Vec<String> = MACHINE_PATHS.iter().map(|path| format!("cd {path}main")).collect();
        let bad: Vec<(&str, &str)> = bad.iter().map(|line| ("run.sh", line.as_str())).collect();
        tells_apart(machine_paths, &[("a.md", "see docs/log-format.md")], &bad);
        let scratch = format!("open {SCRATCH_PATH}a");
        tells_apart(machine_paths, &[("a.rs", &scratch)], &[("a.md", &scratch)]);
    }

    #[test]
    fn a_word_of_the_workshop_is_found() {
        let tickets = [format!("as {TICKET} 2 asks"), format!("see {TICKET} #12")];
        let bad = WORKSHOP.into_iter().chain(tickets.iter().map(String::as_str));
        let bad: Vec<(&str, &str)> = bad.map(|words| ("a.md", words)).collect();
        tells_apart(
            words_of_the_workshop,
            &[("a.md", "An invoice is issued 3 days later."), ("a.md", "who issues it")],
            &bad,
        );
    }
}
