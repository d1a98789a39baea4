//! What the envelope promises.

use proptest::prelude::*;
use serde_json::Value;

use crate::event::Wire;
use crate::log::Record;
use crate::testing::{cases, events};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_record_comes_back_from_its_json(record in events::record()) {
        let text = serde_json::to_string(&record)?;
        prop_assert_eq!(crate::json::from_str::<Record>(&text)?, record);
    }
}

const RECORD: &str = r#"{
    "position": 7,
    "stream": "usage-acme.2026-04",
    "revision": 2,
    "id": "00010203-0405-8607-8809-0a0b0c0d0e0f",
    "type": "usage-recorded.v1",
    "data": {
        "kind": "droplet_hours", "quantity": "24", "unit": null, "category": null,
        "deployment": "shop", "resource": null
    },
    "occurred_at": "2026-04-02T00:00:00Z",
    "recorded_at": "2026-04-02T00:00:01.5Z",
    "actor": {"who": "meter-1", "role": "producer"},
    "causation": null,
    "correlation": "0f0e0d0c-0b0a-0908-0706-050403020100",
    "key": {"scope": {"tenant": "acme"}, "source": "meter-1", "id": "m-1", "index": 0},
    "fingerprint": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}"#;

#[test]
fn a_record_reads_as_people_would_write_it() {
    let record: Record = serde_json::from_str(RECORD).unwrap();
    let expected: Value = serde_json::from_str(RECORD).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap(), expected);
}

#[test]
fn a_superseded_body_comes_back_in_its_own_shape() {
    let data = r#"{"number": "CF-20260401-0001", "tenant": "acme", "subject": "slow"}"#;
    let mut spelled: Value = serde_json::from_str(RECORD).unwrap();
    spelled["stream"] = "support-2026-04-01".into();
    spelled["type"] = "support-case-opened.v1".into();
    spelled["data"] = serde_json::from_str(data).unwrap();
    let record: Record = crate::json::from_str(&spelled.to_string()).unwrap();
    let wire = Wire::find("support-case-opened.v1").unwrap();
    let body = record.body().unwrap();
    assert_eq!(record.wire_name(), wire.name());
    assert_eq!(wire.decode(&body).unwrap(), record.event);
    assert_ne!(*body, record.event.encode().unwrap());
    assert_eq!(serde_json::to_value(&record).unwrap(), spelled);
}

#[track_caller]
fn refuses(from: &str, to: &str, because: &str) {
    let text = RECORD.replacen(from, to, 1);
    assert_ne!(text, RECORD);
    let error = serde_json::from_str::<Record>(&text).unwrap_err().to_string();
    assert!(error.contains(because), "{error}");
}

#[test]
fn what_is_wrong_is_said() {
    let account = "account-acme";
    refuses("usage-acme.2026-04", account, "usage-recorded.v1 does not belong in account-acme");
    refuses(r#""position": 7,"#, "", "missing field `position`");
    refuses(r#""position": 7"#, r#""position": -7"#, "invalid value");
    refuses(r#""position": 7"#, r#""position": 7, "place": 7"#, "unknown field `place`");
    refuses(r#""index": 0"#, r#""index": 0, "more": 0"#, "unknown field `more`");
    refuses(r#""role": "producer""#, r#""role": "king""#, "unknown variant `king`");
    refuses(r#""who": "meter-1","#, r#""who": "meter-1", "why": 1,"#, "unknown field `why`");
    refuses("e3b0c442", "E3B0C442", "64 lower-case hexadecimal digits");
    refuses("00010203", "0001020", "an event id is not of the form a lower-case UUID");
    refuses("2026-04-02T00:00:00Z", "yesterday", "yesterday");
    refuses(r#""quantity": "24""#, r#""quantity": "24 h""#, "usage-recorded.v1");
}
