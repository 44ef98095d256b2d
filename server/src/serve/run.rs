//! Accepting connections, serving them, and stopping.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handler::Handler;
use super::idle::IdleLimit;
use super::log::{LogHandle, Logger};

/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long a client may leave a connection waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To send the head of a request, or to begin another one.
    pub(super) head: Duration,
    /// With nothing moving in either direction.
    pub(super) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), idle: Duration::from_secs(75) }
    }
}

/// All that a connection needs.
#[derive(Clone)]
struct Connections {
    handler: Handler,
    log: Option<LogHandle>,
    tasks: Tasks,
    stop: CancellationToken,
    limits: Limits,
}

/// Tasks that are waited for at the end, and can all be ended.
#[derive(Clone)]
struct Tasks {
    tracker: TaskTracker,
    abort: CancellationToken,
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.tracker.spawn(self.abort.clone().run_until_cancelled_owned(future));
    }
}

pub(super) async fn run(
    listeners: Vec<TcpListener>,
    handler: Handler,
    log: Option<Logger>,
    drain: Duration,
    limits: Limits,
    cancel: CancellationToken,
) {
    let tasks = Tasks { tracker: TaskTracker::new(), abort: CancellationToken::new() };
    // Ends everything when this future is dropped before its end.
    let abort = tasks.abort.clone().drop_guard();
    let connections = Connections {
        handler,
        log: log.as_ref().map(Logger::handle),
        tasks: tasks.clone(),
        stop: cancel.child_token(),
        limits,
    };
    for listener in listeners {
        tasks.execute(accept(listener, connections.clone()));
    }
    drop(connections);
    cancel.cancelled().await;
    tasks.tracker.close();
    if tokio::time::timeout(drain, tasks.tracker.wait()).await.is_err() {
        tracing::warn!(tasks = tasks.tracker.len(), "stopped before all responses had ended");
    }
    drop(abort);
    tasks.tracker.wait().await;
    if let Some(log) = log {
        log.finish().await;
    }
}

async fn accept(listener: TcpListener, connections: Connections) {
    loop {
        let accepted = tokio::select! {
            () = connections.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                connections.tasks.execute(connection(stream, remote, connections.clone()));
            }
            // The client was gone before it was looked at.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, remote: SocketAddr, connections: Connections) {
    let Connections { handler, log, tasks, stop, limits } = connections;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%remote, %error, "small packets will be delayed");
    }
    // A v4 client of a socket for both families is told as what it is.
    let peer = SocketAddr::new(remote.ip().to_canonical(), remote.port());
    let service = service_fn(move |request| {
        let mut entry = log.as_ref().map(|log| log.begin(&request, peer));
        let handler = handler.clone();
        async move {
            let response = handler.answer(request).await;
            Ok::<_, Infallible>(match entry.take() {
                Some(mut entry) => {
                    entry.answered(response.status());
                    response.map(|body| body.logged(entry))
                }
                None => response,
            })
        }
    });
    let mut builder = Builder::new(tasks);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    builder.http2().timer(TokioTimer::new());
    let stream = TokioIo::new(IdleLimit::new(stream, limits.idle));
    let mut serving = pin!(builder.serve_connection(stream, service));
    let served = tokio::select! {
        // In this order, so that a request that has arrived is taken up before the end.
        biased;
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%remote, error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::super::root::Root;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// What a client gets that sends `request` and then only listens, and whether it took long.
    async fn stall(limits: Limits, request: &[u8]) -> (Vec<u8>, bool) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "x").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let cancel = CancellationToken::new();
        let handler = Handler::new(Root::new(directory.path().to_owned()), None);
        let task = tokio::spawn(run(vec![listener], handler, None, LONG, limits, cancel.clone()));
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(1), stream.read_to_end(&mut answer)).await;
        drop(stream);
        cancel.cancel();
        timeout(LONG, task).await.unwrap().unwrap();
        (answer, ended.is_err())
    }

    #[tokio::test]
    async fn stalled_clients_are_let_go() {
        let short = Duration::from_millis(100);
        let half: &[u8] = b"GET /file HTTP/1.1\r\nHost";
        let whole: &[u8] = b"GET /file HTTP/1.1\r\nHost: t\r\n\r\n";
        for (limits, request, answered) in [
            (Limits { head: short, idle: LONG }, half, false),
            (Limits { head: LONG, idle: short }, half, false),
            (Limits { head: LONG, idle: short }, &b""[..], false),
            (Limits { head: LONG, idle: short }, &b"PRI * HTTP/2.0"[..], false),
            (Limits { head: LONG, idle: short }, &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], false),
            (Limits { head: short, idle: LONG }, whole, true),
        ] {
            let (answer, stayed) = stall(limits, request).await;
            assert!(!stayed, "{limits:?} {request:?}");
            assert_eq!(answer.starts_with(b"HTTP/1.1 200 "), answered, "{limits:?} {request:?}");
        }
        let (_, stayed) = stall(Limits::default(), half).await;
        assert!(stayed, "within the limits");
    }
}
