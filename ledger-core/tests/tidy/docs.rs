//! Rules about the documents: a link leads somewhere, and a figure says how to get it again.

use std::collections::BTreeSet;

use crate::repository::{File, Finding, Repository};

/// Links from one document to a file or heading that is not there.
pub(crate) fn broken_links(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.ending(".md") {
        for (number, line) in prose(file) {
            for target in targets(line) {
                if !resolves(repository, file, target) {
                    findings.push(Finding::at(file, number, format!("{target} leads nowhere")));
                }
            }
        }
    }
    findings
}

/// The lines outside fenced code.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What the inline links of a line lead to. What stands in code spans is no link.
fn targets(line: &str) -> Vec<&str> {
    let spans = line.split('`').step_by(2);
    spans
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

fn resolves(repository: &Repository, from: &File, target: &str) -> bool {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(place) = (if path.is_empty() { Some(from.path.clone()) } else { join(from, path) })
    else {
        return false;
    };
    match repository.find(&place) {
        Some(file) => heading.is_empty() || headings(file).contains(heading),
        None => heading.is_empty() && repository.holds_directory(&place),
    }
}

/// A relative path, seen from the directory of a file; `None` when it leaves the repository.
fn join(from: &File, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.path.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that the headings of a document get where it is shown.
fn headings(file: &File) -> BTreeSet<String> {
    let titles = prose(file).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim().to_lowercase())
    });
    let anchor = |title: String| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(anchor).collect()
}

/// Tables of figures, in the document of figures, whose section names no command.
pub(crate) fn figures_without_command(repository: &Repository) -> Vec<Finding> {
    let Some(file) = repository.find("docs/performance.md") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let (mut began, mut figure, mut command) = (1, None, false);
    let heading = |line: &str| line.starts_with('#');
    let end = (file.lines().count() + 1, "#");
    for (number, line) in file.lines().chain([end]) {
        if heading(line) && !(line.starts_with("# ") && line.contains("cargo")) {
            if let Some(at) = figure.filter(|_| !command) {
                let what = format!("the section from line {began} gives figures and no command");
                findings.push(Finding::at(file, at, what));
            }
            (began, figure, command) = (number, None, false);
        } else if line.starts_with('|') && line.contains(|c: char| c.is_ascii_digit()) {
            figure = figure.or(Some(number));
        }
        command |= line.contains("cargo ") || line.contains("replay-tool ");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::tells_apart;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let with = |link: &str| {
            let page =
                format!("# A page: 1.2\n\nsee [this]({link}) and [that](https://a.example/b)\n");
            let files = [("docs/a.md", page.as_str()), ("docs/b.md", "# Beta\n"), ("src/c.rs", "")];
            broken_links(&Repository::of(&files)).len()
        };
        let good = ["b.md", "b.md#beta", "./b.md", "../src/c.rs", "../src", "#a-page-12"];
        let bad = ["c.md", "b.md#gamma", "../../b.md", "src/c.rs", "#b-page", "../src#beta"];
        for link in good {
            assert_eq!(with(link), 0, "{link}");
        }
        for link in bad {
            assert_eq!(with(link), 1, "{link}");
        }
    }

    #[test]
    fn code_is_no_link() {
        tells_apart(
            broken_links,
            &[("a.md", "`x[0](y)`\n"), ("a.md", "```\n[a](b)\n```\n")],
            &[("a.md", "`x` [a](b)\n"), ("a.md", "```\n```\n[a](b)\n")],
        );
    }

    #[test]
    fn a_figure_without_a_command_is_found() {
        let table = "| what | rate |\n|---|---|\n| append | 5 M/s |\n";
        let named = format!("## Append\n\n`cargo run --release -p bench -- log`\n\n{table}");
        let bare = format!("## Append\n\n{table}");
        let (after, before) = (format!("{named}\n{bare}"), format!("{bare}\n{named}"));
        let words = "## Append\n\n| what | rate |\n|---|---|\n| append | not yet measured |\n";
        let page = "docs/performance.md";
        tells_apart(
            figures_without_command,
            &[(page, &named), (page, words), ("docs/other.md", &bare)],
            &[(page, &bare), (page, &after), (page, &before)],
        );
    }
}
