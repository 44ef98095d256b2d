//! What is answered to which request.

use aria_storage_server::serve::ServeOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{LONG, Running, pattern};

const ID: &str = "fbef1a00ced0123456789abcdef0123456789abcdef0123456789abcdef01234";

#[tokio::test]
async fn whole_files() {
    let server = Running::plain().await;
    let data = pattern(700_001);
    server.write("a b/data.bin", &data);
    let answer = server.get("/a%20b/data.bin?query=ignored", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, data);
    assert_eq!(answer.field("content-length"), "700001");
    assert_eq!(answer.field("accept-ranges"), "bytes");
    assert_eq!(answer.field("content-type"), "application/octet-stream");
    assert_eq!(answer.field("x-content-type-options"), "nosniff");
    assert!(answer.field("etag").starts_with('"'), "strong: {answer:?}");
    assert!(answer.field("last-modified").ends_with(" GMT"));

    let head = server.send("HEAD", "/a%20b/data.bin", &[]).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.field("content-length"), "700001");
    assert_eq!(head.field("etag"), answer.field("etag"));
    assert_eq!(head.body, b"");
    // A range counts for GET alone.
    let head = server.send("HEAD", "/a%20b/data.bin", &[("Range", "bytes=0-0")]).await;
    assert_eq!((head.status, head.field("content-length")), (200, "700001"));
    server.stop().await;
}

#[tokio::test]
async fn empty_file() {
    let server = Running::plain().await;
    server.write("empty", "");
    let answer = server.get("/empty", &[]).await;
    assert_eq!((answer.status, answer.field("content-length"), answer.text()), (200, "0", ""));
    let answer = server.get("/empty", &[("Range", "bytes=0-0")]).await;
    assert_eq!((answer.status, answer.field("content-range")), (416, "bytes */0"));
    server.stop().await;
}

#[tokio::test]
async fn ranges() {
    let server = Running::plain().await;
    server.write("ten", "0123456789");
    let etag = server.get("/ten", &[]).await.field("etag").to_owned();
    for (range, status, content_range, body) in [
        ("bytes=0-0", 206, "bytes 0-0/10", "0"),
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=-100", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=8-100", 206, "bytes 8-9/10", "89"),
        ("bytes=8-18446744073709551615", 206, "bytes 8-9/10", "89"),
        ("bytes=8-99999999999999999999999", 206, "bytes 8-9/10", "89"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=100-200", 416, "bytes */10", ""),
        ("bytes=-0", 416, "bytes */10", ""),
        ("bytes=4-2", 200, "", "0123456789"),
        ("lines=1-2", 200, "", "0123456789"),
        ("bytes=nonsense", 200, "", "0123456789"),
    ] {
        let answer = server.get("/ten", &[("Range", range)]).await;
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.field("content-range"), content_range, "{range}");
        assert_eq!(answer.text(), body, "{range}");
        assert_eq!(answer.field("content-length"), body.len().to_string(), "{range}");
        if status == 206 {
            assert_eq!(answer.field("cache-control"), "no-cache");
            assert_eq!(answer.field("etag"), etag);
        }
        if status == 416 {
            assert_eq!(answer.field("cache-control"), "no-store");
        }
    }

    let data = pattern(1000);
    server.write("thousand", &data);
    let answer = server.get("/thousand", &[("Range", "bytes=0-1, 500-502, -2")]).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-type"), "multipart/byteranges; boundary=B");
    assert_eq!(answer.field("content-length"), answer.body.len().to_string());
    let mut expected = Vec::new();
    for (range, part) in [("0-1", 0..2), ("500-502", 500..503), ("998-999", 998..1000)] {
        expected.extend_from_slice(
            format!(
                "\r\n--B\r\nContent-Range: bytes {range}/1000\r\ncontent-type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        expected.extend_from_slice(&data[part]);
    }
    expected.extend_from_slice(b"\r\n--B--\r\n");
    assert_eq!(answer.body, expected);
    server.stop().await;
}

#[tokio::test]
async fn conditions() {
    let server = Running::plain().await;
    let path = server.write("file", "0123456789");
    let whole = server.get("/file", &[]).await;
    let (etag, date) = (whole.field("etag").to_owned(), whole.field("last-modified").to_owned());
    let weak = format!("W/{etag}");
    let among = format!("\"x\", {etag}");
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (fields, status) in [
        (vec![("If-None-Match", etag.as_str())], 304),
        (vec![("If-None-Match", &weak)], 304),
        (vec![("If-None-Match", &among)], 304),
        (vec![("If-None-Match", "\"x\""), ("If-None-Match", &etag)], 304),
        (vec![("If-None-Match", "*")], 304),
        (vec![("If-None-Match", "\"x\"")], 200),
        (vec![("If-None-Match", "\"x\""), ("If-Modified-Since", &date)], 200),
        (vec![("If-Modified-Since", &date)], 304),
        (vec![("If-Modified-Since", old)], 200),
        (vec![("If-Modified-Since", "not a date")], 200),
        (vec![("If-Match", &etag)], 200),
        (vec![("If-Match", "\"x\"")], 412),
        (vec![("If-Unmodified-Since", old)], 412),
        (vec![("If-Unmodified-Since", &date)], 200),
        (vec![("If-Match", &etag), ("If-Unmodified-Since", old)], 200),
        (vec![("Range", "bytes=2-4"), ("If-Range", &etag)], 206),
        (vec![("Range", "bytes=2-4"), ("If-Range", "\"x\"")], 200),
        (vec![("Range", "bytes=2-4"), ("If-Range", &weak)], 200),
        (vec![("Range", "bytes=2-4"), ("If-None-Match", &etag)], 304),
    ] {
        let answer = server.get("/file", &fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        match status {
            304 => {
                assert_eq!(answer.text(), "", "{fields:?}");
                assert_eq!(answer.field("etag"), etag);
                assert_eq!(answer.field("cache-control"), "no-cache");
                assert_eq!(answer.field("access-control-allow-origin"), "*");
            }
            206 => assert_eq!((answer.text(), answer.field("cache-control")), ("234", "no-cache")),
            412 => assert_eq!(answer.field("cache-control"), "no-store"),
            _ => assert_eq!(answer.text(), "0123456789", "{fields:?}"),
        }
    }
    // The same name and length, another file.
    let next = server.write("next", "9876543210");
    std::fs::rename(next, path).unwrap();
    let answer = server.get("/file", &[("If-None-Match", &etag)]).await;
    assert_eq!((answer.status, answer.text()), (200, "9876543210"));
    server.stop().await;
}

#[tokio::test]
async fn caching_and_types() {
    let server = Running::plain().await;
    const CHUNK: &str = "public, max-age=31536000, immutable";
    for (path, cache, media) in [
        (format!("store/fbef/{ID}.cacnk"), CHUNK, "application/zstd"),
        (format!("fbef/{ID}"), CHUNK, "application/octet-stream"),
        (format!("fbef/{ID}.cacnk.aes-256-gcm-635af003"), CHUNK, "application/octet-stream"),
        (format!("fbee/{ID}.cacnk"), "no-cache", "application/zstd"),
        ("a.caibx".to_owned(), "no-cache", "application/octet-stream"),
        ("a.caidx".to_owned(), "no-cache", "application/octet-stream"),
        ("manifest.json".to_owned(), "no-cache", "application/json"),
        ("sdk.js".to_owned(), "no-cache", "text/javascript"),
        ("sdk.mjs".to_owned(), "no-cache", "text/javascript"),
        ("sdk.wasm".to_owned(), "no-cache", "application/wasm"),
        ("model.glb".to_owned(), "no-cache", "model/gltf-binary"),
        ("page.html".to_owned(), "no-cache", "text/html"),
    ] {
        server.write(&path, "content");
        let answer = server.get(&format!("/{path}"), &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("cache-control"), cache, "{path}");
        assert_eq!(answer.field("content-type"), media, "{path}");
    }
    for path in [format!("/fbef/{}.cacnk", ID.replace("34", "35")), "/none.caibx".to_owned()] {
        let answer = server.get(&path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.field("cache-control"), "no-store", "{path}");
        assert_eq!(answer.text(), "not found\n");
        assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.field("access-control-allow-origin"), "*");
    }
    server.stop().await;
}

#[tokio::test]
async fn directories() {
    let server = Running::plain().await;
    server.write("index.html", "front");
    server.write("docs/index.html", "docs");
    server.write("bare/file", "x");
    std::fs::create_dir_all(server.at("odd/index.html")).unwrap();
    let answer = server.get("/", &[]).await;
    assert_eq!((answer.status, answer.text(), answer.field("content-type")), (200, "front", "text/html"));
    assert_eq!(server.get("/docs/", &[]).await.text(), "docs");
    let answer = server.get("/docs?q=1", &[]).await;
    assert_eq!((answer.status, answer.field("location")), (301, "/docs/?q=1"));
    for path in ["/bare", "/bare/", "/odd", "/odd/", "/bare/file/"] {
        assert_eq!(server.get(path, &[]).await.status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn path_tricks() {
    let server = Running::plain().await;
    std::fs::write(server.directory.path().join("secret"), "secret").unwrap();
    server.write("sub/file", "open");
    server.write(".hidden/file", "hidden");
    server.write("sub/.env", "hidden");
    assert_eq!(server.get("/sub/file", &[]).await.text(), "open");
    assert_eq!(server.get("/s%75b/fil%65", &[]).await.text(), "open");
    assert_eq!(server.get("http://other.host/sub/file", &[]).await.text(), "open");
    let long = format!("/{}", "a".repeat(4096));
    let long_name = format!("/{}", "a".repeat(1000));
    for (path, status) in [
        ("/../secret", 400),
        ("/sub/../../secret", 400),
        ("/%2e%2e/secret", 400),
        ("/sub/%2E%2E/%2E./secret", 400),
        ("/..%2fsecret", 400),
        ("/sub%2Ffile", 400),
        ("/..%5csecret", 400),
        ("/..\\secret", 400),
        ("/sub/./file", 400),
        ("/./sub/file", 400),
        ("//sub/file", 400),
        ("/sub//file", 400),
        ("//", 400),
        ("/sub/file%00", 400),
        ("/sub/file%00.html", 400),
        ("/sub/%", 400),
        ("/sub/%zz", 400),
        ("/%c0%ae%c0%ae/secret", 400),
        ("/%ff", 400),
        (&long, 400),
        (&long_name, 404),
        ("/.hidden/file", 404),
        ("/%2ehidden/file", 404),
        ("/sub/.env", 404),
        ("/sub/%2Eenv", 404),
        ("/...", 404),
        ("/~", 404),
        ("/sub/file/", 404),
        ("/sub/file/more", 404),
        ("/%252e%252e/secret", 404),
    ] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.field("cache-control"), "no-store", "{path}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("hidden"), "{path}");
    }
    for nonsense in ["GET  HTTP/1.1\r\n\r\n", "GET /a\0b HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n"] {
        let answer = server.exchange(nonsense.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{nonsense:?}");
    }
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_out_of_the_root() {
    use std::os::unix::fs::symlink;
    let server = Running::plain().await;
    std::fs::write(server.directory.path().join("secret"), "secret").unwrap();
    server.write("sub/file", "inside");
    symlink("sub/file", server.at("near")).unwrap();
    symlink(server.at("sub"), server.at("absolute")).unwrap();
    symlink("../secret", server.at("escape")).unwrap();
    symlink(server.directory.path(), server.at("up")).unwrap();
    symlink("/etc/passwd", server.at("passwd")).unwrap();
    for path in ["/near", "/absolute/file"] {
        assert_eq!(server.get(path, &[]).await.text(), "inside", "{path}");
    }
    for path in ["/escape", "/up/secret", "/up/root/sub/file/x", "/passwd"] {
        let answer = server.get(path, &[]).await;
        assert_eq!((answer.status, answer.text()), (404, "not found\n"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods() {
    let server = Running::plain().await;
    server.write("file", "x");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = server.send(method, "/file", &[]).await;
        assert_eq!((answer.status, answer.field("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
    }
    assert_eq!(std::fs::read(server.at("file")).unwrap(), b"x");
    server.stop().await;
}

#[tokio::test]
async fn sharing_with_all_origins() {
    let server = Running::plain().await;
    server.write("file", "x");
    let answer = server.get("/file", &[("Origin", "https://page.example")]).await;
    assert_eq!(answer.field("access-control-allow-origin"), "*");
    assert_eq!(
        answer.field("access-control-expose-headers"),
        "content-length,content-range,accept-ranges,etag,last-modified"
    );
    assert_eq!(answer.field("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(answer.field("timing-allow-origin"), "*");
    assert_eq!(answer.field("vary"), "", "one copy for all");

    let asks = [
        ("Origin", "https://page.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "range,if-range,if-none-match,authorization"),
    ];
    let answer = server.send("OPTIONS", "/any/path", &asks).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.field("access-control-allow-origin"), "*");
    assert_eq!(answer.field("access-control-allow-methods"), "GET,HEAD,OPTIONS");
    assert_eq!(answer.field("access-control-max-age"), "86400");
    let allowed: Vec<_> = answer.field("access-control-allow-headers").split(',').collect();
    for name in ["range", "if-range", "if-none-match", "if-modified-since", "authorization", "cache-control"]
    {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sharing_with_some_origins_or_none() {
    let some = Running::start(|options| {
        options.allow_origin = vec!["https://One.example/".to_owned(), "http://localhost:5173".to_owned()];
    })
    .await;
    some.write("file", "x");
    for (origin, allowed) in [
        ("https://one.example", "https://one.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("https://two.example", ""),
    ] {
        let answer = some.get("/file", &[("Origin", origin)]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(answer.field("vary"), "origin");
        assert_eq!(answer.field("timing-allow-origin"), "https://one.example, http://localhost:5173");
        assert_eq!(answer.field("cross-origin-resource-policy"), "");
    }
    some.stop().await;

    let none = Running::start(|options| options.cors = false).await;
    none.write("file", "x");
    let answer = none.get("/file", &[("Origin", "https://one.example")]).await;
    assert_eq!(answer.status, 200);
    for name in ["access-control-allow-origin", "cross-origin-resource-policy", "timing-allow-origin"] {
        assert_eq!(answer.field(name), "", "{name}");
    }
    let answer = none.send("OPTIONS", "/file", &[]).await;
    assert_eq!((answer.status, answer.field("allow")), (204, "GET, HEAD, OPTIONS"));
    none.stop().await;
}

#[tokio::test]
async fn keep_alive() {
    let server = Running::plain().await;
    server.write("one", "1");
    server.write("two", "2");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for (name, body) in [("one", "1"), ("two", "2")] {
        stream.write_all(format!("GET /{name} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
            assert_ne!(timeout(LONG, stream.read_buf(&mut seen)).await.unwrap().unwrap(), 0);
        }
    }
    // Stopping closes idle connections without waiting for them as long as it may.
    timeout(ServeOptions::new("").drain / 2, server.stop()).await.expect("nothing is under way");
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}
