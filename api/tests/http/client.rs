//! A blocking HTTP/1.1 client of a page: one connection a request, bodies of known length.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A server that takes longer over an answer does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked. Header names are in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON.
    pub(crate) fn post(path: impl Into<String>, body: &str) -> Self {
        Self::new("POST", path).json(body)
    }

    /// A PUT of JSON.
    pub(crate) fn put(path: impl Into<String>, body: &str) -> Self {
        Self::new("PUT", path).json(body)
    }

    fn json(self, body: &str) -> Self {
        self.body("application/json", body)
    }

    pub(crate) fn body(self, media_type: &str, body: &str) -> Self {
        let body = body.as_bytes().to_vec();
        Self { body, ..self.header("content-type", media_type) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| name == header)
    }

    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Sends it and reads the whole answer.
    pub(crate) fn send(&self, to: SocketAddr) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut sent = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        sent += &format!("host: {to}\r\nconnection: close\r\n");
        sent += &format!("content-length: {}\r\n", self.body.len());
        for (name, value) in &self.headers {
            sent += &format!("{name}: {value}\r\n");
        }
        sent += "\r\n";
        stream.write_all(sent.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Answer::parse(&answer)
            .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "half an answer"))
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length: usize = headers.get("content-length")?.parse().ok()?;
        let text = body.get(..length).filter(|it| it.len() == body.len())?.to_owned();
        Some(Self { status, headers, text })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in the answer {self:?}"))
    }

    /// What a reader waits for to see what this has written.
    #[track_caller]
    pub(crate) fn position(&self) -> u64 {
        let position = self.header("ledger-position").and_then(|it| it.parse().ok());
        position.unwrap_or_else(|| panic!("no position in {self:?}"))
    }

    /// It went well, and this is what it says.
    #[track_caller]
    pub(crate) fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// It is a problem as RFC 9457 writes them, with this status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(problem["type"], format!("urn:counterfoil:problem:{code}"), "{self:?}");
        for part in ["title", "detail"] {
            assert!(problem[part].as_str().is_some_and(|it| !it.is_empty()), "{part}: {self:?}");
        }
        problem
    }

    /// The places its problem names.
    #[track_caller]
    pub(crate) fn pointers(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|it| it["pointer"].as_str().unwrap().to_owned()).collect()
    }
}
