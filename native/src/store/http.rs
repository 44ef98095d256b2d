//! A store on an HTTP server: any static file server, or one that takes `PUT`.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aria_storage_core::{ChunkId, StoredForm};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::{Retry, Store, StoredChunk, open::StoreOptions};
use crate::{Error, Result};

/// No attempt takes longer, however steadily the bytes drip.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(300);

/// An HTTP client with our timeouts and retries. Cheap to clone; connections are shared between clones.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    options: Arc<StoreOptions>,
}

/// What came of one attempt.
enum Failure {
    /// It may go better next time, perhaps after the pause the server asks for.
    Passing(Error, Option<Duration>),
    /// It will not.
    Lasting(Error),
}

impl HttpClient {
    /// A client with these options. Fails if TLS cannot be set up.
    pub fn new(options: &StoreOptions) -> Result<Self> {
        let cannot = |error: &dyn std::fmt::Display| Error::Option(format!("cannot set up TLS: {error}"));
        let tls = tls().map_err(|error| cannot(&error))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("aria-storage/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.stall_timeout)
            .read_timeout(options.stall_timeout)
            .timeout(LONGEST_ATTEMPT)
            .build()
            .map_err(|error| cannot(&error))?;
        Ok(Self { client, options: Arc::new(options.clone()) })
    }

    /// The body at `url`, of at most `limit` bytes; `None` if there is nothing (404 or 410).
    pub async fn get(&self, url: &Url, limit: u64) -> Result<Option<Bytes>> {
        self.with_retries(url, || self.try_get(url, limit)).await
    }

    /// Whether there is anything at `url`.
    pub async fn head(&self, url: &Url) -> Result<bool> {
        self.with_retries(url, || async {
            let response = self.send(Method::HEAD, url, None).await?;
            match response.status() {
                status if status.is_success() => Ok(true),
                StatusCode::NOT_FOUND | StatusCode::GONE => Ok(false),
                status => Err(refused(url, status, response.headers())),
            }
        })
        .await
    }

    /// Puts a body at `url`.
    pub async fn put(&self, url: &Url, body: Bytes, content_type: &'static str) -> Result<()> {
        self.with_retries(url, || async {
            let response = self.send(Method::PUT, url, Some((body.clone(), content_type))).await?;
            if response.status().is_success() {
                return Ok(());
            }
            Err(refused(url, response.status(), response.headers()))
        })
        .await
    }

    async fn try_get(&self, url: &Url, limit: u64) -> Result<Option<Bytes>, Failure> {
        let mut response = self.send(Method::GET, url, None).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status => return Err(refused(url, status, response.headers())),
        }
        let too_long = || Failure::Lasting(Error::TooLong { place: show(url), limit });
        let announced = response.content_length();
        if announced.is_some_and(|length| length > limit) {
            return Err(too_long());
        }
        // Not more than a little is taken on trust.
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(1 << 20) as usize);
        loop {
            match response.chunk().await {
                Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(error) => {
                    let stalled = error.is_timeout();
                    let got = body.len();
                    let reason = match announced {
                        Some(length) => format!("{got} of {length} bytes came, then: {}", root_cause(&error)),
                        None => format!("{got} bytes came, then: {}", root_cause(&error)),
                    };
                    let place = show(url);
                    return Err(Failure::Passing(
                        if stalled {
                            Error::Unreachable { place, reason, attempts: 1 }
                        } else {
                            Error::Truncated { place, reason }
                        },
                        None,
                    ));
                }
            }
            if body.len() as u64 > limit {
                return Err(too_long());
            }
        }
        Ok(Some(body.freeze()))
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<(Bytes, &'static str)>,
    ) -> Result<reqwest::Response, Failure> {
        let mut request = self.client.request(method, url.clone());
        if let Some(value) = &self.options.http_auth {
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some((body, content_type)) = body {
            request = request.header(header::CONTENT_TYPE, content_type).body(body);
        }
        request.send().await.map_err(|error| {
            let place = show(url);
            if error.is_builder() || error.is_redirect() {
                return Failure::Lasting(Error::Refused { place, status: root_cause(&error) });
            }
            Failure::Passing(Error::Unreachable { place, reason: root_cause(&error), attempts: 1 }, None)
        })
    }

    async fn with_retries<T, F>(&self, url: &Url, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let started = Instant::now();
        let mut retry = Retry::new(self.options.retry);
        loop {
            let (error, asked) = match attempt().await {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error, asked)) => (error, asked),
            };
            let Some(pause) = retry.pause(started.elapsed(), asked, fastrand::f64()) else {
                return Err(match error {
                    Error::Unreachable { place, reason, .. } => {
                        Error::Unreachable { place, reason, attempts: retry.failed() }
                    }
                    other => other,
                });
            };
            tracing::debug!(url = %show(url), %error, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }
}

/// TLS with the certificates that the system trusts. Without any (in a bare container, say) plain HTTP still
/// works, and HTTPS fails when it is used.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
    };
    let builder_with_roots = match builder()?.with_platform_verifier() {
        Ok(verified) => verified,
        Err(error) => {
            tracing::warn!(%error, "no certificates to trust: HTTPS will not work");
            builder()?.with_root_certificates(rustls::RootCertStore::empty())
        }
    };
    Ok(builder_with_roots.with_no_client_auth())
}

fn refused(url: &Url, status: StatusCode, headers: &HeaderMap) -> Failure {
    let place = show(url);
    let passing = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if passing && status != StatusCode::NOT_IMPLEMENTED && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED {
        let reason = format!("the server answered {status}");
        return Failure::Passing(Error::Unreachable { place, reason, attempts: 1 }, retry_after(headers));
    }
    Failure::Lasting(Error::Refused { place, status: status.to_string() })
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What is at the bottom of an error: the layers above it say little more than "request failed".
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// A URL for messages: without a password and without a query, which may hold a signature.
fn show(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(None);
    }
    url.into()
}

/// A store on an HTTP server.
#[derive(Debug)]
pub struct HttpStore {
    root: Url,
    client: HttpClient,
    form: StoredForm,
}

impl HttpStore {
    /// The store below `root`, whose query, if any, is sent along with every request.
    pub fn new(mut root: Url, options: &StoreOptions) -> Result<Self> {
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        Ok(Self { root, client: HttpClient::new(options)?, form: options.form })
    }

    fn url(&self, id: &ChunkId, form: StoredForm) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{}", self.root.path(), id.store_path(form)));
        url
    }
}

#[async_trait]
impl Store for HttpStore {
    fn location(&self) -> String {
        show(&self.root)
    }

    fn form(&self) -> StoredForm {
        self.form
    }

    async fn get(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk> {
        let form = self.form;
        let limit = form.max_stored_size(max_size) as u64;
        match self.client.get(&self.url(id, form), limit).await? {
            Some(bytes) => Ok(StoredChunk { form, bytes, place: self.location() }),
            None => Err(Error::MissingChunk { id: *id, place: self.location() }),
        }
    }

    async fn has(&self, id: &ChunkId) -> Result<bool> {
        self.client.head(&self.url(id, self.form)).await
    }

    async fn put(&self, id: &ChunkId, stored: &[u8]) -> Result<()> {
        let stored = Bytes::copy_from_slice(stored);
        self.client.put(&self.url(id, self.form), stored, "application/zstd").await
    }

    async fn delete(&self, _: &ChunkId, _: StoredForm) -> Result<()> {
        Err(Error::Unsupported {
            place: self.location(),
            reason: "is an HTTP store, which cannot delete chunks",
        })
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<(ChunkId, StoredForm)>>> {
        Err(Error::Unsupported {
            place: self.location(),
            reason: "is an HTTP store, which cannot list its chunks",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_urls_keep_the_query() {
        let id = aria_storage_core::Digest::Sha256.id(b"x");
        let hex = id.to_string();
        for root in ["http://h/a/store?sig=1", "http://h/a/store/?sig=1"] {
            let store = HttpStore::new(root.parse().unwrap(), &StoreOptions::default()).unwrap();
            let url = store.url(&id, StoredForm::Compressed);
            assert_eq!(url.as_str(), format!("http://h/a/store/{}/{hex}.cacnk?sig=1", &hex[..4]));
            assert_eq!(store.location(), "http://h/a/store/");
        }
        assert_eq!(show(&"http://me:secret@h/?a=b".parse().unwrap()), "http://me@h/");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(of(&soon).unwrap() > Duration::from_secs(90));
        assert_eq!(of("soon"), None);
    }
}
