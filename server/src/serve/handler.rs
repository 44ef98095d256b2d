//! From a request to a response.

use std::convert::Infallible;
use std::fs::{File, Metadata};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use tower::{Layer as _, Service};

use super::body::ServeBody;
use super::conditions::normalise;
use super::entity::FileEntity;
use super::headers::{IMMUTABLE, NEVER, REVALIDATE, Sharing, content_type};
use super::path::RequestPath;
use super::root::{Found, OpenFault, Root};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers requests for the files below a root.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    root: Arc<Root>,
    sharing: Option<Arc<Sharing>>,
}

impl Handler {
    pub(super) fn new(root: Root, sharing: Option<Sharing>) -> Self {
        Self { root: Arc::new(root), sharing: sharing.map(Arc::new) }
    }

    /// Answers one request. The body of the request is of no interest.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<ServeBody> {
        let request = request.map(drop);
        let mut files = Files(Arc::clone(&self.root));
        let answered = match &self.sharing {
            Some(sharing) => sharing.layer.layer(files).call(request).await,
            None => files.call(request).await,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(sharing) = &self.sharing {
            sharing.add(headers);
        }
        response
    }
}

/// The files alone, as the service that the sharing layer wraps.
#[derive(Clone)]
struct Files(Arc<Root>);

impl Service<Request<()>> for Files {
    type Response = Response<ServeBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let root = Arc::clone(&self.0);
        let (parts, ()) = request.into_parts();
        Box::pin(async move { Ok(respond(root, &parts).await) })
    }
}

async fn respond(root: Arc<Root>, request: &Parts) -> Response<ServeBody> {
    if request.method == Method::OPTIONS {
        let mut response = Response::new(ServeBody::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response = failure(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    let path = match RequestPath::parse(request.uri.path()) {
        Ok(path) => path,
        Err(fault) => return failure(StatusCode::BAD_REQUEST, fault.to_string()),
    };
    if path.is_hidden() {
        return missing();
    }
    let looked_up = {
        let (root, path) = (Arc::clone(&root), path.clone());
        tokio::task::spawn_blocking(move || look_up(&root, &path)).await
    };
    match looked_up {
        Ok(Ok(Target::File { file, metadata, name })) => {
            let policy = if path.is_chunk() { IMMUTABLE } else { REVALIDATE };
            file_response(request, file, &metadata, &name, policy)
        }
        Ok(Ok(Target::AddSlash)) => add_slash(&request.uri),
        Ok(Err(OpenFault::Missing)) => missing(),
        Ok(Err(OpenFault::Denied)) => failure(StatusCode::FORBIDDEN, "the server may not read this"),
        Ok(Err(OpenFault::Io(error))) => {
            tracing::error!(root = %root.path().display(), path = path.relative(), %error, "a file could not be opened");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "the server could not open this")
        }
        Err(error) => {
            tracing::error!(path = path.relative(), %error, "a look-up was stopped");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "the server could not open this")
        }
    }
}

enum Target {
    File {
        file: File,
        metadata: Box<Metadata>,
        name: String,
    },
    /// A directory with an index, asked for without the slash that makes its relative links work.
    AddSlash,
}

impl Target {
    fn file(file: File, metadata: Metadata, name: String) -> Self {
        Self::File { file, metadata: Box::new(metadata), name }
    }
}

/// Finds what a path means; blocking.
fn look_up(root: &Root, path: &RequestPath) -> Result<Target, OpenFault> {
    let name = path.relative();
    let index = if name.is_empty() { "index.html".to_owned() } else { format!("{name}/index.html") };
    if path.is_directory() {
        return match root.open(&index)? {
            Found::File(file, metadata) => Ok(Target::file(file, metadata, index)),
            Found::Directory => Err(OpenFault::Missing),
        };
    }
    match root.open(&name)? {
        Found::File(file, metadata) => Ok(Target::file(file, metadata, name)),
        Found::Directory => match root.open(&index)? {
            Found::File(..) => Ok(Target::AddSlash),
            Found::Directory => Err(OpenFault::Missing),
        },
    }
}

fn file_response(
    request: &Parts,
    file: File,
    metadata: &Metadata,
    name: &str,
    policy: HeaderValue,
) -> Response<ServeBody> {
    let conditions = normalise(&request.method, &request.headers, metadata.len());
    let entity = FileEntity::new(file, metadata, name, content_type(name));
    let mut response = http_serve::serve(entity, &conditions).map(ServeBody::new);
    let status = response.status();
    let kept = status.is_success() || status == StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(CACHE_CONTROL, if kept { policy } else { NEVER });
    response
}

/// The path is known to begin with a single slash, so the location cannot name another host.
fn add_slash(uri: &Uri) -> Response<ServeBody> {
    let location = match uri.query() {
        Some(query) => format!("{}/?{query}", uri.path()),
        None => format!("{}/", uri.path()),
    };
    let Ok(location) = HeaderValue::try_from(location) else { return missing() };
    let mut response = text(StatusCode::MOVED_PERMANENTLY, "this is a directory", REVALIDATE);
    response.headers_mut().insert(LOCATION, location);
    response
}

fn missing() -> Response<ServeBody> {
    failure(StatusCode::NOT_FOUND, "not found")
}

fn failure(status: StatusCode, reason: impl Into<String>) -> Response<ServeBody> {
    text(status, reason, NEVER)
}

fn text(status: StatusCode, text: impl Into<String>, policy: HeaderValue) -> Response<ServeBody> {
    let mut response = Response::new(ServeBody::text(text.into() + "\n"));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, policy);
    response
}
