//! A static file server for published stores: chunks, indexes, manifests and the pages that use them.
//!
//! It serves what object storage behind a CDN would serve, with the same headers: chunks are
//! immutable, everything else is asked for again every time, and a failure is never kept. Reads are
//! open to pages of all origins unless told otherwise. HTTP/1.1 and HTTP/2 without TLS share a port;
//! TLS is the business of a proxy in front.
//!
//! Files should be published by a rename: a response that has begun is completed from the file it
//! began with, and the new file has another validator.

mod body;
mod conditions;
mod entity;
mod handler;
mod headers;
mod idle;
mod listen;
mod log;
mod path;
mod root;
mod run;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::handler::Handler;
use self::headers::Sharing;
pub use self::headers::content_type;
use self::log::Logger;
pub use self::log::{AccessLog, LogFormat};
use self::root::Root;
use self::run::Limits;

/// What to serve, where, and how.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// The addresses to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for
    /// all addresses of the machine. Port 0 takes any free port.
    pub listen: Vec<String>,
    /// Where the access log goes.
    pub access_log: AccessLog,
    /// The form of its lines.
    pub log_format: LogFormat,
    /// The origins whose pages may read, such as `https://example.org`; all if empty or `*`.
    pub allow_origin: Vec<String>,
    /// Whether pages of other origins may read at all.
    pub cors: bool,
    /// How long responses under way may still take when the server is told to stop.
    pub drain: Duration,
}

impl ServeOptions {
    /// The defaults: port 8080 of this machine alone, no access log, open to all origins.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            listen: vec!["127.0.0.1:8080".to_owned()],
            access_log: AccessLog::Off,
            log_format: LogFormat::Common,
            allow_origin: Vec::new(),
            cors: true,
            drain: Duration::from_secs(10),
        }
    }
}

/// Why a server could not be started or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The root cannot be looked at.
    #[error("cannot serve {}", path.display())]
    Root {
        /// The root as given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The root is something else than a directory.
    #[error("cannot serve {}: it is not a directory", path.display())]
    NotADirectory {
        /// The root as given.
        path: PathBuf,
    },
    /// There is nowhere to listen.
    #[error("no address to listen on")]
    NoAddress,
    /// An address is not of the form `host:port` or `:port`.
    #[error("`{address}` is not an address to listen on: expected `host:port` or `:port`")]
    Address {
        /// The address as given.
        address: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address as given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// An origin is not of the form `scheme://host` or `scheme://host:port`.
    #[error("`{origin}` is not an origin: expected `scheme://host` or `scheme://host:port`, or `*`")]
    Origin {
        /// The origin as given.
        origin: String,
    },
    /// The access log cannot be opened.
    #[error("cannot open the access log {}", path.display())]
    AccessLog {
        /// The file as given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The access log's writer cannot be started.
    #[error("cannot start the writer of the access log")]
    LogThread {
        /// What the system said.
        source: io::Error,
    },
}

/// A server that listens but does not answer yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    handler: Handler,
    log: Option<Logger>,
    drain: Duration,
}

impl Server {
    /// Checks the options, opens the log, and listens. Connections wait until [`Server::run`].
    pub async fn bind(options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { root, listen, access_log, log_format, allow_origin, cors, drain } = options;
        match tokio::fs::metadata(&root).await {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(ServeError::NotADirectory { path: root }),
            Err(source) => return Err(ServeError::Root { path: root, source }),
        }
        let sharing = if cors { Some(Sharing::new(&allow_origin)?) } else { None };
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for address in &listen {
            for listener in listen::listen(address).await? {
                let local = listener.local_addr();
                addresses
                    .push(local.map_err(|source| ServeError::Bind { address: address.clone(), source })?);
                listeners.push(listener);
            }
        }
        if listeners.is_empty() {
            return Err(ServeError::NoAddress);
        }
        let log = Logger::start(&access_log, log_format)?;
        let handler = Handler::new(Root::new(root), sharing);
        Ok(Self { listeners, addresses, handler, log, drain })
    }

    /// The addresses listened on, with the ports the system chose.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers requests until `cancel`; then accepts no more, lets responses under way finish for as
    /// long as the options allow, ends those that are left, and writes the last lines of the log.
    ///
    /// Dropping the future ends all connections at once.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), ServeError> {
        run::run(self.listeners, self.handler, self.log, self.drain, Limits::default(), cancel).await;
        Ok(())
    }
}
