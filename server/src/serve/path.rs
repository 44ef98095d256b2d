//! The path of a request, parsed into names by a grammar before any file is looked for.
//!
//! A path is `/` followed by names joined by single slashes, with at most one slash at the end.
//! Names are percent-decoded one by one, after the split, so that no escape can add a separator.
//! What does not fit the grammar is a fault of the request, never something to be repaired.

use percent_encoding::percent_decode_str;

/// The longest path that is looked at, in bytes as requested.
pub(super) const MAX_PATH: usize = 4096;

/// Why a request's path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathFault {
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    #[error("the path is longer than 4096 bytes")]
    TooLong,
    #[error("the path has a malformed percent escape")]
    BadEscape,
    #[error("the path is not UTF-8")]
    NotUtf8,
    #[error("the path has an empty segment")]
    EmptySegment,
    #[error("the path has a dot segment")]
    DotSegment,
    #[error("the path has a character that no name may have")]
    Forbidden,
}

/// A path that keeps the grammar: decoded names, and whether a slash ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestPath {
    names: Vec<String>,
    trailing_slash: bool,
}

impl RequestPath {
    /// Parses a path as it stands in the request.
    pub(super) fn parse(raw: &str) -> Result<Self, PathFault> {
        if raw.len() > MAX_PATH {
            return Err(PathFault::TooLong);
        }
        let rest = raw.strip_prefix('/').ok_or(PathFault::NotAbsolute)?;
        if rest.is_empty() {
            return Ok(Self { names: Vec::new(), trailing_slash: true });
        }
        let (rest, trailing_slash) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let names = rest.split('/').map(decode).collect::<Result<_, _>>()?;
        Ok(Self { names, trailing_slash })
    }

    /// The path below the root, with `/` between names; empty for the root itself.
    pub(super) fn relative(&self) -> String {
        self.names.join("/")
    }

    /// Whether the request's path ended in a slash and so names a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.trailing_slash
    }

    /// Whether any name on the way begins with a dot.
    pub(super) fn is_hidden(&self) -> bool {
        self.names.iter().any(|name| name.starts_with('.'))
    }

    /// Whether this is where a chunk store keeps a chunk, whose bytes can never change:
    /// `<4 hex>/<64 hex><extension>`, the four digits being the first of the sixty-four.
    pub(super) fn is_chunk(&self) -> bool {
        let [.., folder, name] = self.names.as_slice() else { return false };
        let Some((id, extension)) = name.split_at_checked(64) else { return false };
        !self.trailing_slash
            && folder.len() == 4
            && id.starts_with(folder.as_str())
            && is_lower_hex(id)
            && is_chunk_extension(extension)
    }
}

fn decode(segment: &str) -> Result<String, PathFault> {
    if segment.is_empty() {
        return Err(PathFault::EmptySegment);
    }
    let well_escaped = segment.split('%').skip(1).all(|after| {
        let digits = after.as_bytes();
        digits.len() >= 2 && digits[0].is_ascii_hexdigit() && digits[1].is_ascii_hexdigit()
    });
    if !well_escaped {
        return Err(PathFault::BadEscape);
    }
    let name = percent_decode_str(segment).decode_utf8().map_err(|_| PathFault::NotUtf8)?;
    if name == "." || name == ".." {
        return Err(PathFault::DotSegment);
    }
    if name.contains(['/', '\\', '\0']) || (cfg!(windows) && is_special_on_windows(&name)) {
        return Err(PathFault::Forbidden);
    }
    Ok(name.into_owned())
}

/// Names that Windows would read as something else: drives, streams, and names it trims.
fn is_special_on_windows(name: &str) -> bool {
    name.contains([':', '*', '?', '"', '<', '>', '|']) || name.ends_with(['.', ' '])
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Plain, compressed, and the encrypted forms of desync: `.<algorithm>-<8 hex of the key's hash>`,
/// after `.cacnk` when the chunk was compressed first.
fn is_chunk_extension(extension: &str) -> bool {
    let sealed = extension.strip_prefix(".cacnk").unwrap_or(extension);
    if sealed.is_empty() {
        return true;
    }
    [".xchacha20-poly1305-", ".aes-256-gcm-"].iter().any(|algorithm| {
        sealed.strip_prefix(algorithm).is_some_and(|key| key.len() == 8 && is_lower_hex(key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "fbef1a00ced0123456789abcdef0123456789abcdef0123456789abcdef01234";

    #[test]
    fn names_are_decoded_after_the_split() {
        let path = RequestPath::parse("/a%20b/%C3%A9.txt").unwrap();
        assert_eq!(path.relative(), "a b/é.txt");
        assert!(!path.is_directory());
        assert!(RequestPath::parse("/").unwrap().is_directory());
        assert_eq!(RequestPath::parse("/a/b/").unwrap().relative(), "a/b");
        assert!(RequestPath::parse("/a/b/").unwrap().is_directory());
        assert_eq!(RequestPath::parse("/%252e%252e").unwrap().relative(), "%2e%2e");
    }

    #[test]
    fn faults() {
        for (raw, fault) in [
            ("", PathFault::NotAbsolute),
            ("*", PathFault::NotAbsolute),
            ("a", PathFault::NotAbsolute),
            ("//", PathFault::EmptySegment),
            ("//a", PathFault::EmptySegment),
            ("/a//b", PathFault::EmptySegment),
            ("/a//", PathFault::EmptySegment),
            ("/.", PathFault::DotSegment),
            ("/../a", PathFault::DotSegment),
            ("/a/..", PathFault::DotSegment),
            ("/a/%2e%2E/b", PathFault::DotSegment),
            ("/a%2fb", PathFault::Forbidden),
            ("/a%5cb", PathFault::Forbidden),
            ("/a\\b", PathFault::Forbidden),
            ("/a%00", PathFault::Forbidden),
            ("/a%", PathFault::BadEscape),
            ("/a%4", PathFault::BadEscape),
            ("/a%zz", PathFault::BadEscape),
            ("/%+1", PathFault::BadEscape),
            ("/%ff", PathFault::NotUtf8),
        ] {
            assert_eq!(RequestPath::parse(raw), Err(fault), "{raw:?}");
        }
        let longest = format!("/{}", "a".repeat(MAX_PATH - 1));
        assert!(RequestPath::parse(&longest).is_ok());
        assert_eq!(RequestPath::parse(&format!("{longest}a")), Err(PathFault::TooLong));
    }

    #[test]
    fn hidden_names() {
        assert!(RequestPath::parse("/.git/config").unwrap().is_hidden());
        assert!(RequestPath::parse("/a/%2ehidden").unwrap().is_hidden());
        assert!(RequestPath::parse("/a/...").unwrap().is_hidden());
        assert!(!RequestPath::parse("/a/b.c").unwrap().is_hidden());
    }

    #[test]
    fn chunk_places() {
        let upper = ID.to_uppercase();
        let not_hex = ID.replace('a', "g");
        for (path, expected) in [
            (format!("/fbef/{ID}"), true),
            (format!("/fbef/{ID}.cacnk"), true),
            (format!("/deep/store/fbef/{ID}.cacnk"), true),
            (format!("/fbef/{ID}.aes-256-gcm-635af003"), true),
            (format!("/fbef/{ID}.cacnk.xchacha20-poly1305-635af003"), true),
            (format!("/fbe/{ID}.cacnk"), false),
            (format!("/fbee/{ID}.cacnk"), false),
            (format!("/FBEF/{upper}.cacnk"), false),
            (format!("/fbef/{not_hex}.cacnk"), false),
            (format!("/fbef/{ID}0.cacnk"), false),
            (format!("/fbef/{}.cacnk", &ID[..63]), false),
            (format!("/fbef/{ID}.cacnk.tmp"), false),
            (format!("/fbef/{ID}.cacnk/"), false),
            (format!("/fbef/{ID}.cacnk.rot13-635af003"), false),
            (format!("/fbef/{ID}.aes-256-gcm-635af00"), false),
            (format!("/fbef/{ID}.aes-256-gcm-635AF003"), false),
            (format!("/{ID}.cacnk"), false),
            ("/fbef/é".to_owned(), false),
            (format!("/fbef/{}é", &ID[..63]), false),
        ] {
            assert_eq!(RequestPath::parse(&path).unwrap().is_chunk(), expected, "{path}");
        }
    }
}
