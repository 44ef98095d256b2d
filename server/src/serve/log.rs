//! The access log: one line for each request, written when its response has ended.
//!
//! Requests hand their entries to a thread of its own through a bounded queue and never wait for
//! the file. When the file cannot keep up and the queue is full, entries are counted and dropped,
//! and the program's own log says how many.

mod format;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use http::header::{HeaderName, RANGE, REFERER, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use jiff::Timestamp;
use tokio::sync::oneshot;

use self::format::append;
use super::ServeError;

/// How many entries may wait to be written.
const QUEUE: usize = 16 * 1024;
/// How much text is gathered before it is written, while more entries wait.
const BATCH: usize = 64 * 1024;
/// How long the end of the server waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);
/// Said of a request whose client went away before there was a response.
const CLIENT_CLOSED: u16 = 499;

/// Where the access log goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessLog {
    /// No access log.
    #[default]
    Off,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
    /// A file, created if absent and appended to.
    File(PathBuf),
}

/// The form of the access log's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// The combined log format, followed by the `Range` field in quotes and the seconds taken.
    #[default]
    Common,
    /// One JSON object per line.
    Json,
}

/// One request, as the log tells it.
#[derive(Debug)]
struct Record {
    time: Timestamp,
    started: Instant,
    took: Duration,
    remote: SocketAddr,
    method: Method,
    uri: Uri,
    version: Version,
    status: u16,
    bytes: u64,
    complete: bool,
    range: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

enum Message {
    Line(Box<Record>),
    /// Wakes the writer so that it sees that the end has come.
    Wake,
}

struct Shared {
    queue: SyncSender<Message>,
    lost: AtomicU64,
    closing: AtomicBool,
}

/// The log of a running server.
pub(super) struct Logger {
    shared: Arc<Shared>,
    written: oneshot::Receiver<()>,
}

/// Makes entries; one for every connection.
#[derive(Clone)]
pub(super) struct LogHandle(Arc<Shared>);

/// A request under way. Dropping it writes its line.
pub(super) struct Entry {
    record: Option<Box<Record>>,
    shared: Arc<Shared>,
}

impl Logger {
    /// Opens the log and starts its writer; none if there is to be no log.
    pub(super) fn start(target: &AccessLog, format: LogFormat) -> Result<Option<Self>, ServeError> {
        let out: Box<dyn Write + Send> = match target {
            AccessLog::Off => return Ok(None),
            AccessLog::Stdout => Box::new(io::stdout()),
            AccessLog::Stderr => Box::new(io::stderr()),
            AccessLog::File(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Box::new(file.map_err(|source| ServeError::AccessLog { path: path.clone(), source })?)
            }
        };
        let (queue, entries) = sync_channel(QUEUE);
        let shared = Arc::new(Shared { queue, lost: AtomicU64::new(0), closing: AtomicBool::new(false) });
        let (done, written) = oneshot::channel();
        // The thread holds no strong reference, so that it ends when all who could log are gone.
        let watched = Arc::downgrade(&shared);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                let mut writer = Writer { out, format, failed: false };
                writer.run(&entries, || {
                    watched.upgrade().map(|shared| {
                        (shared.lost.swap(0, Ordering::Relaxed), shared.closing.load(Ordering::Acquire))
                    })
                });
                let _ = done.send(());
            })
            .map_err(|source| ServeError::LogThread { source })?;
        Ok(Some(Self { shared, written }))
    }

    pub(super) fn handle(&self) -> LogHandle {
        LogHandle(Arc::clone(&self.shared))
    }

    /// Waits until everything handed over so far has been written.
    pub(super) async fn finish(self) {
        self.shared.closing.store(true, Ordering::Release);
        let _ = self.shared.queue.try_send(Message::Wake);
        if tokio::time::timeout(LAST_LINES, self.written).await.is_err() {
            tracing::warn!("the access log could not be written to its end");
        }
    }
}

impl LogHandle {
    /// Begins the entry of a request.
    pub(super) fn begin<B>(&self, request: &Request<B>, remote: SocketAddr) -> Entry {
        let field = |name: HeaderName| request.headers().get(name).cloned();
        Entry {
            record: Some(Box::new(Record {
                time: Timestamp::now(),
                started: Instant::now(),
                took: Duration::ZERO,
                remote,
                method: request.method().clone(),
                uri: request.uri().clone(),
                version: request.version(),
                status: CLIENT_CLOSED,
                bytes: 0,
                complete: false,
                range: field(RANGE),
                referer: field(REFERER),
                user_agent: field(USER_AGENT),
            })),
            shared: Arc::clone(&self.0),
        }
    }
}

impl Entry {
    /// Notes the status of the response. A response to HEAD is complete without its body.
    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(record) = &mut self.record {
            record.status = status.as_u16();
            record.complete = record.method == Method::HEAD;
        }
    }

    /// Notes that so much more of the body was given to the connection.
    pub(super) fn add(&mut self, bytes: u64) {
        if let Some(record) = &mut self.record {
            record.bytes = record.bytes.saturating_add(bytes);
        }
    }

    /// Notes that the whole body was given to the connection.
    pub(super) fn complete(&mut self) {
        if let Some(record) = &mut self.record {
            record.complete = true;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        record.took = record.started.elapsed();
        if let Err(TrySendError::Full(_)) = self.shared.queue.try_send(Message::Line(record)) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    out: Box<dyn Write + Send>,
    format: LogFormat,
    failed: bool,
}

impl Writer {
    /// Writes until nobody can log any more, or the end was announced and all was written.
    fn run(&mut self, entries: &Receiver<Message>, state: impl Fn() -> Option<(u64, bool)>) {
        let mut text = Vec::new();
        let mut closing = false;
        while let Some(first) = if closing { entries.try_recv().ok() } else { entries.recv().ok() } {
            text.clear();
            let mut next = Some(first);
            while let Some(message) = next {
                if let Message::Line(record) = message {
                    append(&mut text, &record, self.format);
                }
                next = if text.len() < BATCH { entries.try_recv().ok() } else { None };
            }
            self.write(&text);
            if let Some((lost, end)) = state() {
                closing = end;
                if lost > 0 {
                    tracing::warn!(lost, "the access log could not keep up and lines were dropped");
                }
            }
        }
    }

    /// A log that cannot be written is said once and does not stop the server.
    fn write(&mut self, text: &[u8]) {
        match self.out.write_all(text).and_then(|()| self.out.flush()) {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::warn!(%error, "the access log could not be written");
            }
            Err(_) => {}
        }
    }
}
