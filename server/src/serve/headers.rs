//! What responses say beside their bodies: types, how long they may be kept, and who may read them.

use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, PRAGMA, RANGE,
};
use http::{HeaderMap, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::{Origin, Url};

use super::ServeError;

/// A chunk: its name is the digest of its content.
pub(super) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Anything that can change under its name: may be kept, but is asked for every time.
pub(super) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// A failure: what is missing now may be there the next moment.
pub(super) const NEVER: HeaderValue = HeaderValue::from_static("no-store");

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// How long a browser may remember that it may ask; browsers cap it lower themselves.
const PREFLIGHT_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The media type by the name's extension.
pub fn content_type(name: &str) -> HeaderValue {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let known = match extension.as_deref() {
        Some("cacnk") => "application/zstd",
        Some("caibx" | "caidx") => "application/octet-stream",
        Some("wasm") => "application/wasm",
        Some("glb") => "model/gltf-binary",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        _ => mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream"),
    };
    HeaderValue::from_static(known)
}

/// Who may read responses from a page of another origin.
#[derive(Debug, Clone)]
pub(super) struct Sharing {
    /// Answers preflights and adds what a browser asks of every response.
    pub(super) layer: CorsLayer,
    timing: HeaderValue,
    embed: bool,
}

impl Sharing {
    /// `origins` as given by the user; none of them, or `*`, opens the server to all.
    pub(super) fn new(origins: &[String]) -> Result<Self, ServeError> {
        let mut list = Vec::new();
        let mut any = origins.is_empty();
        for origin in origins {
            if origin == "*" {
                any = true;
            } else {
                let value = serialise_origin(origin).and_then(|text| HeaderValue::try_from(text).ok());
                list.push(value.ok_or_else(|| ServeError::Origin { origin: origin.clone() })?);
            }
        }
        let (allowed, timing) = if any {
            (AllowOrigin::any(), HeaderValue::from_static("*"))
        } else {
            let joined = list.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
            let timing = HeaderValue::from_bytes(&joined)
                .map_err(|_| ServeError::Origin { origin: origins.join(", ") })?;
            (AllowOrigin::list(list), timing)
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CACHE_CONTROL,
                CONTENT_TYPE,
                IF_MATCH,
                IF_MODIFIED_SINCE,
                IF_NONE_MATCH,
                IF_RANGE,
                IF_UNMODIFIED_SINCE,
                PRAGMA,
                RANGE,
                HeaderName::from_static("x-requested-with"),
            ])
            .expose_headers([CONTENT_LENGTH, CONTENT_RANGE, ACCEPT_RANGES, ETAG, LAST_MODIFIED])
            .max_age(PREFLIGHT_AGE);
        Ok(Self { layer, timing, embed: any })
    }

    /// The fields that are not part of the CORS protocol itself.
    pub(super) fn add(&self, headers: &mut HeaderMap) {
        headers.insert(TIMING_ALLOW_ORIGIN, self.timing.clone());
        // This field knows no list: with one, only reads that name their origin are let through.
        if self.embed {
            headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        }
    }
}

/// An origin as browsers write it, or none if this is not one.
fn serialise_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    match url.origin() {
        origin @ Origin::Tuple(..) => Some(origin.ascii_serialization()),
        // The schemes of applications and extensions.
        Origin::Opaque(_) => {
            let (scheme, host) = (url.scheme(), url.host_str().filter(|host| !host.is_empty())?);
            Some(match url.port() {
                Some(port) => format!("{scheme}://{host}:{port}"),
                None => format!("{scheme}://{host}"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for (name, expected) in [
            ("a.cacnk", "application/zstd"),
            ("a.cacnk.aes-256-gcm-635af003", "application/octet-stream"),
            ("a.caibx", "application/octet-stream"),
            ("a.caidx", "application/octet-stream"),
            ("a.wasm", "application/wasm"),
            ("a.glb", "model/gltf-binary"),
            ("manifest.json", "application/json"),
            ("a.js", "text/javascript"),
            ("a.MJS", "text/javascript"),
            ("index.html", "text/html"),
            ("a.css", "text/css"),
            ("a.png", "image/png"),
            ("plain", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name), expected, "{name}");
        }
    }

    #[test]
    fn origins() {
        for (text, expected) in [
            ("https://Example.org", Some("https://example.org")),
            ("https://example.org:443/", Some("https://example.org")),
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("https://example.org/path", None),
            ("https://user@example.org", None),
            ("https://example.org?x", None),
            ("example.org", None),
            ("data:text/plain,x", None),
            ("", None),
        ] {
            assert_eq!(serialise_origin(text).as_deref(), expected, "{text}");
        }
        let error = Sharing::new(&["nonsense".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("nonsense"));
    }
}
