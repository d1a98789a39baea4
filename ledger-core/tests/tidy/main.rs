//! The rules of the repository, as tests over every file in it.
//!
//! Each rule is a function from the repository to what breaks it, and each has a test of its own
//! that shows it refusing a bad example: a rule that cannot fail would be decoration. A rule reads
//! files and nothing else; only the directions of dependency ask cargo.

mod directions;
mod docs;
mod manifests;
mod modules;
mod purity;
mod repository;
mod text;

use repository::{Finding, Repository};

#[track_caller]
fn holds(rule: impl Fn(&Repository) -> Vec<Finding>) {
    let repository = Repository::here();
    assert!(repository.files.len() > 10, "the repository was not found");
    let findings = rule(&repository);
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn nothing_is_left_over() {
    holds(text::leftovers);
}

#[test]
fn no_line_of_rust_is_longer_than_100_columns() {
    holds(text::long_lines);
}

#[test]
fn rust_source_is_ascii() {
    holds(text::beyond_ascii);
}

#[test]
fn every_rust_file_says_what_it_is() {
    holds(text::no_header);
}

#[test]
fn a_file_past_600_lines_gives_its_reason() {
    holds(text::long_files);
}

#[test]
fn no_test_is_ignored_and_no_lint_is_silenced() {
    holds(text::forbidden_attributes);
}

#[test]
fn the_name_of_a_test_is_its_claim() {
    holds(text::test_prefixes);
}

#[test]
fn lines_end_where_their_text_does() {
    holds(text::stray_whitespace);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    holds(text::machine_paths);
}

#[test]
fn only_the_project_is_spoken_of() {
    holds(text::words_of_the_workshop);
}

#[test]
fn no_module_has_a_name_that_collects_everything() {
    holds(modules::vague_names);
}

#[test]
fn every_rust_file_is_compiled() {
    holds(modules::dead_files);
}

#[test]
fn pure_code_touches_nothing_outside_itself() {
    holds(purity::impure);
}

#[test]
fn only_known_files_stand_at_the_root() {
    holds(manifests::strangers_at_the_root);
}

#[test]
fn every_crate_inherits_what_the_workspace_says() {
    holds(manifests::not_inherited);
}

#[test]
fn every_dependency_and_every_lint_has_a_reason() {
    holds(manifests::without_reason);
}

#[test]
fn the_gate_stops_at_the_first_failure() {
    holds(manifests::lenient_scripts);
}

#[test]
fn links_in_the_documents_resolve() {
    holds(docs::broken_links);
}

#[test]
fn every_figure_stands_beside_its_command() {
    holds(docs::figures_without_command);
}
