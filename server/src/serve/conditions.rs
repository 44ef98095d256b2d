//! The conditional and range fields of a request, brought into the form that the entity server
//! understands exactly.
//!
//! RFC 9110 asks that malformed dates and ranges be ignored, that a suffix longer than the file
//! mean all of it, and that ranges count for GET only. The fields are parsed here and written anew
//! with every position in place, so that nothing is left to be interpreted.

use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::{Method, Request};

/// More ranges than any reader needs; a request for more gets the whole file.
const MAX_RANGES: usize = 64;

/// A request for a file of `len` bytes that has only well-formed conditions.
pub(super) fn normalise(method: &Method, headers: &HeaderMap, len: u64) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    let to = request.headers_mut();

    // The fields are lists and may come in several lines.
    for name in [IF_MATCH, IF_NONE_MATCH] {
        if let Some(list) = joined(headers, &name) {
            to.insert(name, list);
        }
    }
    // Each date counts only where the stronger condition beside it is absent.
    for (name, stronger) in [(IF_UNMODIFIED_SINCE, IF_MATCH), (IF_MODIFIED_SINCE, IF_NONE_MATCH)] {
        if let Some(date) = headers.get(&name).filter(|date| is_date(date) && !headers.contains_key(stronger))
        {
            to.insert(name, date.clone());
        }
    }
    if method == Method::GET
        && let Some(range) = single(headers, &RANGE).and_then(|range| resolve(range, len))
    {
        to.insert(RANGE, range);
        if let Some(condition) = headers.get(IF_RANGE) {
            to.insert(IF_RANGE, condition.clone());
        }
    }
    request
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let rest: Vec<_> = values.collect();
    if rest.is_empty() {
        return Some(first.clone());
    }
    let mut list = first.as_bytes().to_vec();
    for value in rest {
        list.extend_from_slice(b", ");
        list.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&list).ok()
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn is_date(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| httpdate::parse_http_date(text).is_ok())
}

/// The same ranges with both ends within the file; none for a field to be ignored. When no range
/// can be satisfied the result is one that begins at the end of the file.
fn resolve(value: &HeaderValue, len: u64) -> Option<HeaderValue> {
    let (unit, set) = value.to_str().ok()?.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = Vec::new();
    let mut count = 0;
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()) {
        count += 1;
        if count > MAX_RANGES {
            return None;
        }
        let (first, last) = match spec.split_once('-')? {
            ("", suffix) => {
                let suffix = number(suffix)?;
                if suffix == 0 {
                    continue;
                }
                (len.saturating_sub(suffix), u64::MAX)
            }
            (first, "") => (number(first)?, u64::MAX),
            (first, last) => (number(first)?, number(last)?),
        };
        if first > last {
            return None;
        }
        if first < len {
            ranges.push(format!("{first}-{}", last.min(len - 1)));
        }
    }
    if count == 0 {
        return None;
    }
    if ranges.is_empty() {
        ranges.push(format!("{len}-"));
    }
    HeaderValue::try_from(format!("bytes={}", ranges.join(","))).ok()
}

/// Digits only; what is larger than any file is as large as can be.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let huge = "99999999999999999999999999";
        for (range, expected) in [
            ("bytes=0-0", Some("bytes=0-0")),
            ("bytes=2-", Some("bytes=2-9")),
            ("bytes=-3", Some("bytes=7-9")),
            ("bytes=-10", Some("bytes=0-9")),
            ("bytes=-11", Some("bytes=0-9")),
            ("bytes=-0", Some("bytes=10-")),
            ("bytes=10-", Some("bytes=10-")),
            ("bytes=9-18446744073709551615", Some("bytes=9-9")),
            (&format!("bytes=0-{huge}"), Some("bytes=0-9")),
            (&format!("bytes={huge}-"), Some("bytes=10-")),
            ("Bytes = 1-2 , , 4-5,90-", Some("bytes=1-2,4-5")),
            ("bytes=5-2", None),
            ("bytes=0-1,5-2", None),
            ("bytes=+1-2", None),
            ("bytes=a-b", None),
            ("bytes=", None),
            ("bytes=,", None),
            ("bytes=-", None),
            ("bytes", None),
            ("lines=1-2", None),
        ] {
            let resolved = resolve(&HeaderValue::from_str(range).unwrap(), 10);
            assert_eq!(resolved.as_ref().map(|value| value.to_str().unwrap()), expected, "{range}");
        }
        assert_eq!(resolve(&HeaderValue::from_static("bytes=-5"), 0).unwrap(), "bytes=0-");
        let many = format!("bytes={}", vec!["1-2"; MAX_RANGES + 1].join(","));
        assert_eq!(resolve(&HeaderValue::from_str(&many).unwrap(), 10), None);
    }

    #[test]
    fn fields_that_do_not_count() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=1-2"));
        headers.insert(IF_MODIFIED_SINCE, HeaderValue::from_static("yesterday"));
        headers.insert(IF_UNMODIFIED_SINCE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(normalise(&Method::HEAD, &headers, 10).headers().get(RANGE).is_none());
        let request = normalise(&Method::GET, &headers, 10);
        assert!(request.headers().contains_key(RANGE));
        assert!(!request.headers().contains_key(IF_MODIFIED_SINCE));
        assert!(request.headers().contains_key(IF_UNMODIFIED_SINCE));

        headers.append(RANGE, HeaderValue::from_static("bytes=3-4"));
        headers.append(IF_MATCH, HeaderValue::from_static("\"a\""));
        headers.append(IF_MATCH, HeaderValue::from_static("\"b\""));
        let request = normalise(&Method::GET, &headers, 10);
        assert!(!request.headers().contains_key(RANGE));
        assert!(!request.headers().contains_key(IF_UNMODIFIED_SINCE));
        assert_eq!(request.headers()[IF_MATCH], "\"a\", \"b\"");
    }
}
