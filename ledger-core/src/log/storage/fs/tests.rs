//! The file system keeps the contract of a storage, and its refusals say what they refuse.

use std::fs;
use std::io::ErrorKind;

use super::FileSystem;
use crate::log::storage::{Storage, begin_write_all_at, read_exact_at, write_all_at};

fn tree() -> (tempfile::TempDir, FileSystem) {
    let directory = tempfile::tempdir().unwrap();
    let tree = FileSystem::open(directory.path()).unwrap();
    (directory, tree)
}

#[test]
fn what_is_written_is_read_at_its_place() {
    let (_directory, tree) = tree();
    tree.create_dir("segments").unwrap();
    let file = tree.create("segments/1").unwrap();
    write_all_at(&*file, b"counterfoil", 5).unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    tree.sync_dir("segments").unwrap();
    tree.sync_dir("").unwrap();

    let again = tree.open("segments/1").unwrap();
    let mut buffer = [1; 7];
    read_exact_at(&*again, &mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"\0\0\0\0\0co");
    assert_eq!(again.len().unwrap(), 16);
    let beyond = read_exact_at(&*again, &mut buffer, 10).unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::UnexpectedEof);
    assert!(again.write_at(b"x", 0).is_err(), "opened to read");
}

/// Also where the system cannot, as on a file system in memory.
#[test]
fn what_is_begun_to_be_written_is_there() {
    let elsewhere = tempfile::tempdir_in("/dev/shm").ok();
    let directories = [tempfile::tempdir().ok(), elsewhere];
    for directory in directories.iter().flatten() {
        let tree = FileSystem::open(directory.path()).unwrap();
        let file = tree.create("1").unwrap();
        for (place, bytes) in [(0, "counter"), (7, "foil"), (2, "x")] {
            begin_write_all_at(&*file, bytes.as_bytes(), place).unwrap();
        }
        file.sync_data().unwrap();
        assert_eq!(fs::read(directory.path().join("1")).unwrap(), b"coxnterfoil");
        let again = tree.open("1").unwrap();
        assert!(again.begin_write_at(b"x", 0).is_err(), "opened to read");
    }
}

#[test]
fn a_path_never_leaves_the_tree() {
    let (_directory, tree) = tree();
    for path in ["", "/etc/passwd", "..", "a/../../b", "a//b", "./a", "a/", "a\0b", "a\\b"] {
        for refused in [
            tree.open(path).map(drop),
            tree.open_rw(path).map(drop),
            tree.create(path).map(drop),
            tree.rename(path, "fine"),
            tree.rename("fine", path),
            tree.remove(path),
            tree.create_dir(path),
            tree.try_lock(path).map(drop),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
        }
    }
    assert_eq!(tree.sync_dir("../x").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(tree.list("/").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn names_are_listed_in_order_and_a_missing_directory_holds_none() {
    let (_directory, tree) = tree();
    for path in ["b", "c", "a"] {
        tree.create(path).unwrap();
    }
    tree.rename("c", "a").unwrap();
    assert_eq!(tree.list("").unwrap(), ["a", "b"]);
    assert!(tree.list("nowhere").unwrap().is_empty());
    assert_eq!(tree.list("a").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(tree.create("a").map(drop).unwrap_err().kind(), ErrorKind::AlreadyExists);
    tree.remove("a").unwrap();
    assert_eq!(tree.open("a").map(drop).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_directory_that_cannot_hold_a_ledger_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    for open in [FileSystem::open, FileSystem::open_read_only] {
        let error = open(missing.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("there is no directory {}", missing.display()));
        let error = open(file.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
        assert_eq!(error.to_string(), format!("{} is not a directory", file.display()));
    }
}

#[test]
fn creating_makes_what_is_missing_above() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("a/b/c");
    FileSystem::create(&deep).unwrap().create("x").unwrap();
    assert_eq!(FileSystem::create(&deep).unwrap().list("").unwrap(), ["x"]);
}

#[test]
fn opened_to_read_only_nothing_changes() {
    let (directory, writer) = tree();
    write_all_at(&*writer.create("a").unwrap(), b"half", 0).unwrap();
    let reader = FileSystem::open_read_only(directory.path()).unwrap();
    for refused in [
        reader.open_rw("a").map(drop),
        reader.create("b").map(drop),
        reader.rename("a", "b"),
        reader.remove("a"),
        reader.create_dir("c"),
        reader.sync_dir(""),
        reader.try_lock("LOCK").map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
        assert!(error.to_string().contains("was opened to read only"), "{error}");
    }
    assert_eq!(reader.list("").unwrap(), ["a"]);
    assert_eq!(reader.open("a").unwrap().len().unwrap(), 4);
}

#[test]
fn the_lock_is_held_by_one_and_names_its_holder() {
    let (directory, tree) = tree();
    let held = tree.try_lock("LOCK").unwrap().expect("nobody holds it");
    let second = FileSystem::open(directory.path()).unwrap();
    assert!(second.try_lock("LOCK").unwrap().is_none());
    let holder = fs::read_to_string(directory.path().join("LOCK")).unwrap();
    assert_eq!(holder.trim(), std::process::id().to_string());
    drop(held);
    assert!(second.try_lock("LOCK").unwrap().is_some());
}

#[test]
fn free_space_is_a_number_of_the_system() {
    let (_directory, tree) = tree();
    assert!(tree.free_bytes().unwrap() > 0);
}
