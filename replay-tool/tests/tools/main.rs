//! `replay-tool` as it is called: arguments in, text and an exit code out, on ledgers made here.
//!
//! Nothing that the tool does may change a ledger.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails as loudly as what it claims")]

use std::path::Path;
use std::process::Command;

use ledger_core::event::invoice::Issued;
use ledger_core::testing::folder::copy;
use serde_json::{Value, json};

mod ledger;

use ledger::{Ledger, aud, segments};

/// How a call ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A call with this exit code.
#[track_caller]
fn call(code: i32, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_replay-tool")).args(arguments).output().unwrap();
    let said = Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
    // What could not be told says why where errors go; what was found out stands in the output.
    assert_eq!(said.err.is_empty(), code != 2, "{arguments:?}: {said:?}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_help_names_the_exit_codes() {
    let codes = "Exit codes: 0 good, 1 bad";
    for arguments in [&["--help"][..], &["verify", "--help"], &["audit", "--help"]] {
        let said = call(0, arguments);
        assert!(said.out.contains(codes), "{arguments:?}: {}", said.out);
    }
    call(2, &[]);
    call(2, &["colour"]);
    call(2, &["stat"]);
}

#[test]
fn stat_and_log_say_what_is_there() {
    let ledger = Ledger::of_april(|_| ());
    let directory = text(ledger.path());
    let stat = call(0, &["stat", directory, "--json"]).json();
    assert_eq!(
        (&stat["head"], &stat["events"], &stat["streams"]),
        (&json!(11), &json!(11), &json!(6))
    );
    assert_eq!(stat["wires"]["usage-recorded.v1"], 3);
    assert_eq!(stat["first_recorded_at"], "2026-06-01T00:00:01Z");
    let plain = call(0, &["stat", directory]).out;
    assert!(plain.contains("head               11\n"), "{plain}");
    assert!(plain.contains("           3  usage-recorded.v1\n"), "{plain}");

    let all = call(0, &["log", directory]).out;
    assert_eq!(all.lines().count(), 11);
    let usage = "  2026-04-01T00:00:00Z  usage-acme.2026-04@0  usage-recorded.v1  ";
    assert!(all.lines().nth(6).unwrap().starts_with(&format!("       7{usage}")), "{all}");
    let late = call(0, &["log", directory, "--from", "10"]).out;
    assert_eq!(late, all.lines().skip(9).map(|it| format!("{it}\n")).collect::<String>());
    assert_eq!(call(0, &["log", directory, "--from", "99"]).out, "");
    let stream = ["log", directory, "--stream", "usage-acme.2026-04", "--from", "1", "--json"];
    let records: Vec<Value> =
        call(0, &stream).out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let places: Vec<_> = records.iter().map(|it| (&it["position"], &it["revision"])).collect();
    assert_eq!(places, [(&json!(8), &json!(1)), (&json!(9), &json!(2))]);
    assert_eq!(records[0]["data"]["quantity"], "720");
    assert_eq!(call(0, &["log", directory, "--stream", "usage-acme.1999-01"]).out, "");
    call(2, &["log", directory, "--stream", "colour"]);
    call(2, &["log", directory, "--from", "-1"]);

    let elsewhere = tempfile::tempdir().unwrap();
    for command in ["stat", "log", "verify"] {
        call(2, &[command, text(elsewhere.path())]);
        call(2, &[command, text(&elsewhere.path().join("nothing"))]);
    }
    call(2, &["proof", text(elsewhere.path()), "1"]);
    call(2, &["audit", "INV-000001", "--dir", text(elsewhere.path())]);
}

#[test]
fn verify_tells_good_bad_and_cannot_tell_apart() {
    let ledger = Ledger::of_usage(1);
    let head = ledger.head();
    let key = ledger.key();
    let key = text(&key);
    let directory = ledger.path().to_owned();
    let directory = text(&directory);
    let good = call(0, &["verify", directory, "--key", key, "--json"]).json();
    assert_eq!((&good["verdict"], &good["head"]), (&json!("good"), &json!(head)));
    assert_eq!((&good["events_checked"], &good["covered"]), (&json!(head), &json!(head)));
    assert_eq!((&good["checkpoints_checked"], &good["key_is_pinned"]), (&json!(2), &json!(true)));
    let unpinned = call(0, &["verify", directory]);
    assert!(unpinned.out.contains("pin one with --key"), "{}", unpinned.out);
    assert!(unpinned.out.ends_with("good\n"), "{}", unpinned.out);

    // Only what came since a checkpoint that is kept elsewhere.
    let earlier = ledger.path().join("checkpoints/201");
    let since = ["verify", directory, "--key", key, "--json", "--from-checkpoint", text(&earlier)];
    let since = call(0, &since).json();
    assert_eq!(since["events_checked"], head - 201);
    assert_eq!((&since["covered"], &since["root"]), (&json!(head), &good["root"]));

    // Another ledger's key and checkpoint say nothing about this one; its own key does not excuse
    // a checkpoint that this ledger does not contain.
    let other = Ledger::of_usage(77);
    let foreign = other.path().join("checkpoint");
    call(2, &["verify", directory, "--from-checkpoint", text(&foreign)]);
    call(2, &["verify", directory, "--key", text(&earlier)]);
    let wrong_key = call(1, &["verify", directory, "--key", text(&other.key())]);
    assert!(wrong_key.out.contains("BAD at position"), "{wrong_key:?}");
    let same_key = Ledger::of_april(|_| ());
    let other_tree = same_key.path().join("checkpoint");
    call(1, &["verify", directory, "--from-checkpoint", text(&other_tree)]);
    let ahead = ["verify", text(same_key.path()), "--from-checkpoint"];
    let behind = call(1, &[&ahead[..], &[text(&ledger.path().join("checkpoint"))]].concat());
    assert!(behind.out.contains("the ledger is behind"), "{behind:?}");
}

#[test]
fn verify_finds_a_bit_that_was_flipped() {
    let ledger = Ledger::of_usage(3);
    let key = std::fs::read_to_string(ledger.key()).unwrap();
    let directory = ledger.closed();
    let elsewhere = tempfile::tempdir().unwrap();
    let pinned = elsewhere.path().join("pinned.vkey");
    std::fs::write(&pinned, key).unwrap();
    let copied = elsewhere.path().join("copy");
    let sealed = segments(directory.path(), "sealed");
    let open = segments(directory.path(), "log");
    assert!(sealed.len() > 1 && !open.is_empty(), "{sealed:?} {open:?}");
    let (mut last_position, mut checked) = (0, 0);
    for path in [&sealed[0], &sealed[1], open.last().unwrap()] {
        let bytes = std::fs::read(path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in [0, used / 3, used / 2, used - 1] {
            copy(directory.path(), &copied);
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let name = path.strip_prefix(directory.path()).unwrap();
            std::fs::write(copied.join(name), &bytes).unwrap();
            println!("byte {at} of {used} in {}", name.display());
            let said = call(1, &["verify", text(&copied), "--key", text(&pinned), "--json"]).json();
            assert_eq!(said["verdict"], "bad");
            let position = said["first_bad_position"].as_u64().unwrap();
            assert!((1..=401).contains(&position), "{said}");
            last_position = position.max(last_position);
            assert!(said["what"].as_str().is_some_and(|it| !it.is_empty()), "{said}");
            let plain = call(1, &["verify", text(&copied), "--key", text(&pinned)]).out;
            assert!(plain.contains(&format!("BAD at position {position}: ")), "{plain}");
            std::fs::remove_dir_all(&copied).unwrap();
            checked += 1;
        }
    }
    assert_eq!(checked, 12);
    assert!(last_position > 200, "damage is placed where it is: {last_position}");

    // A ledger that ends too early is bad too: it was acknowledged further.
    for cut in [&sealed[1], open.last().unwrap()] {
        copy(directory.path(), &copied);
        let name = cut.strip_prefix(directory.path()).unwrap();
        let file = std::fs::File::options().write(true).open(copied.join(name)).unwrap();
        file.set_len(file.metadata().unwrap().len() / 64).unwrap();
        let said = call(1, &["verify", text(&copied)]);
        assert!(said.out.contains("BAD at position"), "{said:?}");
        std::fs::remove_file(copied.join(name)).unwrap();
        call(1, &["verify", text(&copied)]);
        std::fs::remove_dir_all(&copied).unwrap();
    }
}

#[test]
fn a_proof_convinces_and_a_changed_one_does_not() {
    let ledger = Ledger::of_april(|_| ());
    let directory = text(ledger.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("event.proof");
    let key = ledger.key();
    let check = |code: i32, proof: &[u8]| {
        std::fs::write(&file, proof).unwrap();
        call(code, &["verify-proof", text(&file), "--key", text(&key), "--json"])
    };
    let proof = call(0, &["proof", directory, "8"]).out.into_bytes();
    let shown = check(0, &proof).json();
    assert_eq!(
        (&shown["verdict"], &shown["stream"]),
        (&json!("good"), &json!("usage-acme.2026-04"))
    );
    assert_eq!((&shown["index"], &shown["covered"]), (&json!(7), &json!(11)));
    assert_eq!(shown["data"]["quantity"], "720");
    let plain = call(0, &["verify-proof", text(&file), "--key", text(&key)]).out;
    assert!(plain.ends_with("good\n"), "{plain}");

    for at in (0..proof.len()).step_by(proof.len() / 60) {
        let mut changed = proof.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_replay-tool"))
            .args(["verify-proof", text(&file), "--key", text(&key)])
            .output()
            .unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "byte {at}: {output:?}");
    }
    std::fs::write(&file, &proof).unwrap();
    let other = Ledger::of_usage(50);
    let bad = call(1, &["verify-proof", text(&file), "--key", text(&other.key())]);
    assert!(bad.out.starts_with("BAD: "), "{bad:?}");
    call(2, &["proof", directory, "0"]);
    call(2, &["proof", directory, "12"]);
    call(2, &["verify-proof", text(&elsewhere.path().join("nothing")), "--key", text(&key)]);
    call(2, &["verify-proof", text(&file), "--key", text(&file)]);
}

#[test]
fn an_invoice_is_made_again_from_the_log_alone() {
    let ledger = Ledger::of_april(|_| ());
    let directory = text(ledger.path());
    let audit = ["audit", "INV-000001", "--dir", directory];
    let plain = call(0, &audit).out;
    for part in ["6.72 AUD", "tax     6.42 AUD", "total    70.64 AUD"] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    assert!(plain.ends_with("good: the log makes this very invoice, 4 lines\n"), "{plain}");
    // Amounts stand under each other.
    let amounts = plain.lines().filter(|it| it.ends_with(" AUD"));
    let widths: Vec<usize> = amounts.map(str::len).collect();
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{plain}");
    let explained = call(0, &[&audit[..], &["--explain"]].concat()).out;
    assert!(explained.contains("used beyond the allowance = 672\n"), "{explained}");
    let report = call(0, &[&audit[..], &["--json"]].concat()).json();
    assert_eq!((&report["verdict"], &report["tenant"]), (&json!("good"), &json!("acme")));
    assert_eq!(report["document"]["totals"]["gross"]["amount"], "70.64");

    call(2, &["audit", "INV-000002", "--dir", directory]);
    call(2, &["audit", "INV 1", "--dir", directory]);
    let wrong_issuer = call(2, &[&audit[..], &["--issuer", "other"]].concat());
    assert!(wrong_issuer.err.contains("other never gave out the number"), "{wrong_issuer:?}");
}

#[test]
fn an_invoice_that_the_log_does_not_make_is_bad() {
    let bad = |tamper: &dyn Fn(&mut Issued), part: &str| {
        let ledger = Ledger::of_april(tamper);
        let directory = text(ledger.path());
        let said = call(1, &["audit", "INV-000001", "--dir", directory]);
        assert!(said.out.contains(part), "{part}: {}", said.out);
        assert!(said.out.contains("BAD: the log does not make this invoice"), "{}", said.out);
        // The directory itself is whole: what is wrong is what was written.
        call(0, &["verify", directory]);
    };
    bad(&|it| it.document.lines[2].amount = aud("6.73"), "issued 6.73 AUD, the log makes 6.72 AUD");
    bad(&|it| it.document.totals.gross = aud("70.65"), "total: issued 70.65 AUD");
    bad(&|it| drop(it.document.lines.remove(1)), "missing: ");
    bad(
        &|it| {
            let line = it.document.lines[0].clone();
            it.document.lines.push(line);
        },
        "the log makes no such line",
    );
}

#[test]
fn credit_that_was_drawn_and_tiers_that_were_reached_are_computed_again() {
    let audit = |code: i32, drawn: &str, week_reached_at: &str, options: &[&str]| {
        let ledger = Ledger::of_prepaid(drawn, week_reached_at);
        let directory = text(ledger.path());
        call(0, &["verify", directory]);
        call(code, &[&["audit", "INV-000001", "--dir", directory], options].concat())
    };
    let good = audit(0, "1.00", "2026-04-08T00:00:00Z", &[]).out;
    assert!(good.ends_with("good: the log makes this very invoice, 1 lines\n"), "{good}");

    // The invoice charges what was drawn, so no line of it differs.
    let drawn = audit(1, "10.00", "2026-04-08T00:00:00Z", &[]).out;
    let part = "credit: 10.00 AUD was drawn for vm_hours of 2026-04, it comes to 1.00 AUD\n";
    assert!(drawn.contains(part), "{drawn}");
    assert!(drawn.contains("account-acme@2  {"), "{drawn}");
    assert!(drawn.ends_with("1 differences\n"), "{drawn}");
    let report = audit(1, "10.00", "2026-04-08T00:00:00Z", &["--json"]).json();
    let difference = &report["audit"]["differences"][0]["drawn"];
    assert_eq!(difference["made"]["amount"]["amount"], "1.00", "{report}");

    let tier = audit(1, "1.00", "2026-04-07T00:00:00Z", &[]).out;
    let part = "tier: week is recorded as reached at 2026-04-07T00:00:00Z, the ladders make none\n";
    assert!(tier.contains(part), "{tier}");
}
