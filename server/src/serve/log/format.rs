//! The text of the access log's lines. Nothing a client sends can end a line or leave its quotes.

use std::io::Write as _;

use http::{HeaderValue, Uri};
use serde::Serialize;

use super::{LogFormat, Record};

/// The most of any one field that is written, in bytes.
const MAX_FIELD: usize = 4096;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    remote: String,
    method: &'a str,
    path: String,
    version: String,
    status: u16,
    bytes: u64,
    complete: bool,
    duration_us: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

/// Appends the line of `record`, with its line end.
pub(super) fn append(text: &mut Vec<u8>, record: &Record, format: LogFormat) {
    let begin = text.len();
    // Writing to memory does not fail; if it did, half a line would be worse than none.
    let written = match format {
        LogFormat::Common => common(text, record),
        LogFormat::Json => json(text, record),
    };
    match written {
        Ok(()) => text.push(b'\n'),
        Err(error) => {
            text.truncate(begin);
            tracing::warn!(%error, "a line of the access log could not be written");
        }
    }
}

fn common(text: &mut Vec<u8>, record: &Record) -> std::io::Result<()> {
    let time = record.time.strftime("%d/%b/%Y:%H:%M:%S +0000");
    write!(text, "{} - - [{time}] \"", record.remote.ip())?;
    escape(text, record.method.as_str().as_bytes());
    text.push(b' ');
    escape(text, path(&record.uri).as_bytes());
    write!(text, " {:?}\" {} {}", record.version, record.status, record.bytes)?;
    for field in [&record.referer, &record.user_agent, &record.range] {
        text.extend_from_slice(b" \"");
        escape(text, field.as_ref().map_or(b"-", HeaderValue::as_bytes));
        text.push(b'"');
    }
    write!(text, " {:.6}", record.took.as_secs_f64())
}

fn json(text: &mut Vec<u8>, record: &Record) -> std::io::Result<()> {
    let line = Line {
        time: format!("{:.3}", record.time),
        remote: record.remote.to_string(),
        method: record.method.as_str(),
        path: lossy(path(&record.uri).as_bytes()),
        version: format!("{:?}", record.version),
        status: record.status,
        bytes: record.bytes,
        complete: record.complete,
        duration_us: record.took.as_micros(),
        range: record.range.as_ref().map(|value| lossy(value.as_bytes())),
        referer: record.referer.as_ref().map(|value| lossy(value.as_bytes())),
        user_agent: record.user_agent.as_ref().map(|value| lossy(value.as_bytes())),
    };
    serde_json::to_writer(text, &line).map_err(Into::into)
}

/// The target as requested, with its query.
fn path(uri: &Uri) -> &str {
    uri.path_and_query().map_or("-", |target| target.as_str())
}

fn shortened(field: &[u8]) -> (&[u8], bool) {
    match field.get(..MAX_FIELD) {
        Some(start) if field.len() > MAX_FIELD => (start, true),
        _ => (field, false),
    }
}

fn lossy(field: &[u8]) -> String {
    let (field, cut) = shortened(field);
    let mut text = String::from_utf8_lossy(field).into_owned();
    if cut {
        text.push('…');
    }
    text
}

/// Printable ASCII stands for itself, all else as `\xHH`.
fn escape(text: &mut Vec<u8>, field: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let (field, cut) = shortened(field);
    for &byte in field {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                let digit = |nibble: u8| DIGITS[usize::from(nibble & 0xf)];
                text.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte)]);
            }
            plain => text.push(plain),
        }
    }
    if cut {
        text.extend_from_slice(b"...");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http::{Method, Version};

    use super::*;

    fn record() -> Record {
        Record {
            time: "2026-03-04T05:06:07.089Z".parse().unwrap(),
            started: Instant::now(),
            took: Duration::from_micros(1_234_567),
            remote: "192.0.2.7:4321".parse().unwrap(),
            method: Method::GET,
            uri: Uri::from_static("/a%0Ab?q=1"),
            version: Version::HTTP_11,
            status: 206,
            bytes: 42,
            complete: true,
            range: Some(HeaderValue::from_static("bytes=0-41")),
            referer: None,
            user_agent: Some(HeaderValue::from_bytes(b"evil\" \\ \xff\tagent").unwrap()),
        }
    }

    #[test]
    fn combined_line() {
        let mut text = Vec::new();
        append(&mut text, &record(), LogFormat::Common);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] \"GET /a%0Ab?q=1 HTTP/1.1\" 206 42 \"-\" \
             \"evil\\x22 \\x5C \\xFF\\x09agent\" \"bytes=0-41\" 1.234567\n"
        );
    }

    #[test]
    fn json_line() {
        let mut text = Vec::new();
        append(&mut text, &record(), LogFormat::Json);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "{\"time\":\"2026-03-04T05:06:07.089Z\",\"remote\":\"192.0.2.7:4321\",\"method\":\"GET\",\
             \"path\":\"/a%0Ab?q=1\",\"version\":\"HTTP/1.1\",\"status\":206,\"bytes\":42,\
             \"complete\":true,\"duration_us\":1234567,\"range\":\"bytes=0-41\",\
             \"user_agent\":\"evil\\\" \\\\ \u{fffd}\\tagent\"}\n"
        );
    }

    #[test]
    fn long_fields_are_cut() {
        let mut record = record();
        record.user_agent = Some(HeaderValue::from_str(&"u".repeat(MAX_FIELD + 1)).unwrap());
        let mut text = Vec::new();
        append(&mut text, &record, LogFormat::Common);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(&format!("\"{}...\"", "u".repeat(MAX_FIELD))));
    }
}
