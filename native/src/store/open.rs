//! From a location to a store.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aria_storage_core::StoredForm;
use url::Url;

use super::{Chain, HttpStore, LocalStore, RetryPolicy, Store};
use crate::{Error, Result};

/// How a store is used.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// How chunks are stored there.
    pub form: StoredForm,
    /// When requests are repeated.
    pub retry: RetryPolicy,
    /// A connection that brings no byte for this long has failed.
    pub stall_timeout: Duration,
    /// The value of an `Authorization` header.
    pub http_auth: Option<String>,
    /// Make a local store that is not there.
    pub create: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            form: StoredForm::Compressed,
            retry: RetryPolicy::default(),
            stall_timeout: Duration::from_secs(30),
            http_auth: None,
            create: false,
        }
    }
}

/// A location is a URL with a scheme, or else a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A local path.
    Path(PathBuf),
    /// An HTTP URL.
    Http(Url),
}

impl Location {
    /// Reads a location: `http://…`, `https://…`, `file://…`, or a path. Other schemes are refused.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |reason| Err(Error::Location { location: text.to_owned(), reason });
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() { wrong("it is empty") } else { Ok(Self::Path(text.into())) };
        };
        let Ok(url) = Url::parse(text) else { return wrong("it is not a valid URL") };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => match url.to_file_path() {
                Ok(path) => Ok(Self::Path(path)),
                Err(()) => wrong("it is not a path on this machine"),
            },
            _ => wrong("the schemes are http, https and file; anything else is a path"),
        }
    }
}

/// Opens the store at a location, with default options.
pub fn open(location: &str) -> Result<Arc<dyn Store>> {
    open_with(location, &StoreOptions::default())
}

/// Opens the store at a location: a path, or an `http(s)://` URL.
pub fn open_with(location: &str, options: &StoreOptions) -> Result<Arc<dyn Store>> {
    Ok(match Location::parse(location)? {
        Location::Path(path) if options.create => Arc::new(LocalStore::create(path, options.form)?),
        Location::Path(path) => Arc::new(LocalStore::open(path, options.form)?),
        Location::Http(url) => Arc::new(HttpStore::new(url, options)?),
    })
}

/// Opens one store, or several behind each other.
pub fn open_chain<S: AsRef<str>>(locations: &[S], options: &StoreOptions) -> Result<Arc<dyn Store>> {
    let mut stores =
        locations.iter().map(|location| open_with(location.as_ref(), options)).collect::<Result<Vec<_>>>()?;
    match stores.len() {
        1 => Ok(stores.remove(0)),
        _ => Ok(Arc::new(Chain::new(stores)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        assert_eq!(Location::parse("a/b").unwrap(), Location::Path("a/b".into()));
        assert_eq!(Location::parse("file:///a/b").unwrap(), Location::Path("/a/b".into()));
        assert!(matches!(Location::parse("HTTPS://h/p").unwrap(), Location::Http(_)));
        for wrong in ["", "ftp://h/p", "http://", "http://[", "file://other/p"] {
            assert!(matches!(Location::parse(wrong), Err(Error::Location { .. })), "{wrong}");
        }
    }
}
