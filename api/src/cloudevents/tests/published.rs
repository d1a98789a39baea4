//! The events that the standard's own suite and others publish, read where somebody has them.
//!
//! They are of types that are not ours, so each is judged as an event; that it is no usage is said.

use ledger_core::testing::published::{Published, files};

use super::*;

/// What becomes of an event, for a person.
fn told(event: CloudEvent) -> String {
    match event.checked() {
        Ok(it) => format!("{} of type {} is an event", it.id, it.kind),
        Err(defect) => format!("no event: {} {}", defect.pointer, defect.reason),
    }
}

/// A case with its verdict, or an event without one, which is good.
fn case(file: &Published, case: &Value) {
    let (event, name) = match case.get("event") {
        Some(event) => (event, case["name"].to_string()),
        None => (case, case["id"].to_string()),
    };
    let parsed = crate::body::parse::<CloudEvent>(event.to_string().as_bytes());
    let is_event = parsed.as_ref().is_ok_and(|_| read(event).checked().is_ok());
    // The suite has events of older versions too, which say so.
    let is_current = event["specversion"] == "1.0";
    let unsaid = if is_current { "accept" } else { "reject" };
    let expected = case["expect"].as_str().unwrap_or(unsaid);
    file.say(format!("{name}: {}", parsed.map_or("no event: no JSON object".to_owned(), told)));
    assert_eq!(is_event, expected == "accept", "{name}");
}

/// A request: headers and a body, in whichever mode its media type says.
fn request(file: &Published, headers: &[(String, String)], body: &str) -> CloudEvent {
    let is_media = |it: &&(String, String)| it.0.eq_ignore_ascii_case("content-type");
    let (_, media) = headers.iter().find(is_media).expect("a body has a media type");
    let headers = headers.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect::<Vec<_>>();
    let event = || match media.starts_with("application/cloudevents+json") {
        true => crate::body::parse(body.as_bytes()).unwrap(),
        false => binary(&headers, body),
    };
    let verdict = told(event());
    assert!(verdict.ends_with("is an event"), "{}: {verdict}", file.name);
    file.say(verdict);
    event()
}

fn json(file: &Published) {
    let json = file.json();
    if let Some(headers) = json["headers"].as_object() {
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| (name.clone(), text(value)));
        request(file, &headers.collect::<Vec<_>>(), json["body"].as_str().unwrap());
    } else if let Some(cases) = json.as_array() {
        cases.iter().for_each(|it| case(file, it));
    } else {
        case(file, &json);
    }
}

/// Events in the standard's own notation: attributes one to a line, extensions indented once more.
fn notation(file: &Published) {
    for document in file.text().split("\n---") {
        let mut event = serde_json::Map::new();
        let (head, data) = document.split_once("\nData:").unwrap_or((document, ""));
        let mut is_ours = true;
        for line in head.lines().filter(|it| it.starts_with(' ') || it.ends_with(':')) {
            let Some((name, value)) = line.trim().split_once(':') else { continue };
            let (name, value) = (name.trim_end(), value.trim());
            if value.is_empty() {
                // What the transport adds is no attribute.
                is_ours = name != "TransportExtensions";
            } else if is_ours && name.bytes().all(|it| it.is_ascii_alphanumeric()) {
                let value = value.trim_matches(|it| matches!(it, '"' | '|'));
                event.insert(name.to_owned(), json!(value));
            }
        }
        if event.is_empty() {
            continue;
        }
        event.insert("data".to_owned(), json!(data.trim_start_matches([' ', '|']).trim()));
        case(file, &Value::Object(event));
    }
}

/// Requests of the suite, each with the values its table gives the media type.
fn feature(file: &Published) {
    if !file.text().contains("Given an HTTP request") {
        return file.say("of another transport than HTTP, which is not spoken here");
    }
    for scenario in file.text().split("Scenario Outline:").skip(1) {
        let quoted = scenario.split("\"\"\"").nth(1).expect("a request stands in quotes");
        let lines = quoted.trim().lines().map(str::trim_end).collect::<Vec<_>>();
        let blank = lines.iter().position(|it| it.is_empty()).expect("a body follows");
        let (head, body) = lines.split_at(blank);
        let (_, examples) = scenario.split_once("Examples:").expect("a table of media types");
        let media = examples.lines().map(|it| it.trim().trim_matches('|').trim());
        for media in media.filter(|it| it.contains('/')) {
            let headers = head.iter().skip(1).filter_map(|it| it.trim().split_once(": "));
            let value = |it: &str| it.replace("<contentType>", media);
            let headers = headers.map(|(name, it)| (name.to_owned(), value(it)));
            let event = request(file, &headers.collect::<Vec<_>>(), &body.join("\n"));
            let rows = scenario.lines().filter(|it| it.trim().starts_with('|'));
            let rows = rows.map(|it| it.split('|').map(str::trim).collect::<Vec<_>>());
            let id = rows.filter(|it| it.get(1) == Some(&"id")).map(|it| it[2].to_owned()).next();
            assert_eq!(event.id, id, "{}", file.name);
        }
    }
}

#[test]
fn every_published_event_gets_its_verdict() {
    for file in files("cloudevents") {
        match file.name.rsplit('.').next() {
            Some("json") => json(&file),
            Some("yaml") => notation(&file),
            Some("feature") => feature(&file),
            _ => file.say("of a form that is not read here: JSON over HTTP is"),
        }
    }
}
