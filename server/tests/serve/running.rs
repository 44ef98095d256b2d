//! The server over time: starting, its log, HTTP/2, files that change, and stopping.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aria_storage_server::serve::{AccessLog, LogFormat, ServeError, ServeOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, LONG, Running, pattern};

/// More than the buffers of a connection can take.
const BIG: usize = 48 << 20;

fn lines(log: &Path) -> Vec<String> {
    std::fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

/// Asks for a file and reads only the beginning of the answer.
async fn begin(address: SocketAddr, path: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut beginning = vec![0; 1000];
    timeout(LONG, stream.read_exact(&mut beginning)).await.unwrap().unwrap();
    (stream, beginning)
}

#[tokio::test]
async fn combined_log() {
    let (server, log, _logs) = Running::logging(LogFormat::Common).await;
    server.write("file", "0123456789");
    let agent = ("User-Agent", "say \"hi\" \\");
    server.get("/file?x=1", &[agent, ("Referer", "https://page.example/")]).await;
    server.get("/file", &[("Range", "bytes=2-4")]).await;
    server.send("HEAD", "/file", &[]).await;
    server.get("/%0a\"none", &[]).await;
    server.stop().await;
    let lines = lines(&log);
    let mut seen = Vec::new();
    for line in &lines {
        let rest = line.strip_prefix("127.0.0.1 - - [").unwrap();
        let (time, rest) = rest.split_once("] ").unwrap();
        assert_eq!(time.len(), "04/Mar/2026:05:06:07 +0000".len(), "{line}");
        assert!(time.ends_with(" +0000"), "{line}");
        let (fields, took) = rest.rsplit_once(' ').unwrap();
        let took: f64 = took.parse().unwrap();
        assert!(took > 0.0 && took < 20.0, "{line}");
        seen.push(fields);
    }
    assert_eq!(
        seen,
        [
            r#""GET /file?x=1 HTTP/1.1" 200 10 "https://page.example/" "say \x22hi\x22 \x5C" "-""#,
            r#""GET /file HTTP/1.1" 206 3 "-" "-" "bytes=2-4""#,
            r#""HEAD /file HTTP/1.1" 200 0 "-" "-" "-""#,
            r#""GET /%0a\x22none HTTP/1.1" 404 10 "-" "-" "-""#,
        ]
    );
}

#[tokio::test]
async fn json_log() {
    let (server, log, _logs) = Running::logging(LogFormat::Json).await;
    server.write("file", "0123456789");
    let data = pattern(1000);
    server.write("thousand", &data);
    let etag = server.get("/file", &[("User-Agent", "test/1")]).await.field("etag").to_owned();
    let multi = server.get("/thousand", &[("Range", "bytes=0-1,5-6")]).await;
    server.get("/file", &[("If-None-Match", &etag)]).await;
    server.send("HEAD", "/none", &[]).await;
    server.send("OPTIONS", "/file", &[("Origin", "https://page.example")]).await;
    server.send("POST", "/file", &[]).await;
    server.get("/../x", &[]).await;
    server.stop().await;
    let lines = lines(&log);
    let expected = [
        ("GET", "/file", 200, 10),
        ("GET", "/thousand", 206, multi.body.len()),
        ("GET", "/file", 304, 0),
        ("HEAD", "/none", 404, 0),
        ("OPTIONS", "/file", 200, 0),
        ("POST", "/file", 405, 36),
        ("GET", "/../x", 400, 27),
    ];
    assert_eq!(lines.len(), expected.len());
    for (line, (method, path, status, bytes)) in lines.iter().zip(expected) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["method"], method, "{line}");
        assert_eq!(line["path"], path, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["bytes"], bytes, "{line}");
        assert_eq!(line["complete"], true, "{line}");
        assert_eq!(line["version"], "HTTP/1.1", "{line}");
        assert!(line["remote"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line["duration_us"].as_u64().unwrap() < 20_000_000, "{line}");
    }
    assert!(lines[0].contains(r#""user_agent":"test/1""#));
    assert!(lines[1].contains(r#""range":"bytes=0-1,5-6""#));
}

#[tokio::test]
async fn log_of_an_abandoned_download() {
    let (server, log, _logs) = Running::logging(LogFormat::Json).await;
    server.write("big", pattern(BIG));
    let (stream, _) = begin(server.address, "/big").await;
    drop(stream);
    timeout(LONG, async {
        while lines(&log).is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the line is written while the server runs");
    server.stop().await;
    let line: serde_json::Value = serde_json::from_str(&lines(&log)[0]).unwrap();
    assert_eq!(line["complete"], false);
    let bytes = line["bytes"].as_u64().unwrap();
    assert!(bytes > 0 && bytes < BIG as u64, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_by_prior_knowledge() {
    let (server, log, _logs) = Running::logging(LogFormat::Json).await;
    let data = pattern(3_000_000);
    server.write("data", &data);
    // The client wants to know how it would encrypt even when it does not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let url = format!("http://{}/data", server.address);
    let asks: Vec<_> = (0..8)
        .map(|index| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                let range = format!("bytes={index}-{}", 1_000_000 + index);
                let answer = client.get(url).header("range", range).send().await.unwrap();
                assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 206));
                answer.bytes().await.unwrap()
            })
        })
        .collect();
    for (index, ask) in asks.into_iter().enumerate() {
        assert!(ask.await.unwrap() == data[index..=1_000_000 + index], "range {index}");
    }
    let missing = client.get(format!("http://{}/none", server.address)).send().await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);
    server.stop().await;
    let lines = lines(&log);
    assert_eq!(lines.len(), 9);
    for line in &lines[..8] {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["version"], &line["bytes"]), (&"HTTP/2.0".into(), &1_000_001.into()), "{line}");
    }
}

#[tokio::test]
async fn a_file_replaced_while_being_served() {
    let server = Running::plain().await;
    let old = pattern(BIG);
    let path = server.write("big", &old);
    let (mut stream, mut answer) = begin(server.address, "/big").await;
    let next = server.write("next", "new");
    std::fs::rename(next, path).unwrap();
    assert_eq!(server.get("/big", &[]).await.text(), "new");
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    answer.resize(head + BIG, 0);
    timeout(LONG, stream.read_exact(&mut answer[1000..])).await.unwrap().unwrap();
    assert!(answer[head..] == old, "all of the file it began with");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_file_cut_short_while_being_served() {
    let server = Running::plain().await;
    let path = server.write("big", pattern(BIG));
    let (mut stream, mut answer) = begin(server.address, "/big").await;
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap();
    // The connection ends before the promised length: nobody can take it for the whole.
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    let answer = Answer::parse(&answer);
    assert_eq!(answer.field("content-length"), BIG.to_string());
    assert!(answer.body.len() < BIG);
    server.stop().await;
}

#[tokio::test]
async fn stopping_lets_a_download_finish() {
    let server = Running::start(|options| options.drain = LONG).await;
    let data = pattern(BIG);
    server.write("big", &data);
    let (mut stream, mut answer) = begin(server.address, "/big").await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    server.cancel.cancel();
    sleep(Duration::from_millis(200)).await;
    assert!(!server.task.is_finished(), "a download is under way");
    assert!(TcpStream::connect(server.address).await.is_err(), "no longer accepting");
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("closed after the download").unwrap();
    assert!(Answer::parse(&answer).body == data);
    server.stop().await;
    drop(silent);
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let server = Running::start(|options| {
        options.drain = Duration::from_millis(100);
        options.access_log = AccessLog::File(log.clone());
        options.log_format = LogFormat::Json;
    })
    .await;
    server.write("big", pattern(BIG));
    let (mut stream, mut answer) = begin(server.address, "/big").await;
    timeout(Duration::from_secs(5), server.stop()).await.expect("the drain time is a limit");
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < BIG);
    assert!(lines(&log)[0].contains(r#""complete":false"#), "{:?}", lines(&log));
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections() {
    let server = Running::plain().await;
    server.write("big", pattern(BIG));
    let (mut stream, mut answer) = begin(server.address, "/big").await;
    server.task.abort();
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    assert!(answer.len() < BIG);
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn addresses() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "x").unwrap();
    let mut options = ServeOptions::new(directory.path());
    options.listen = vec![":0".to_owned(), "localhost:0".to_owned(), "127.0.0.1:0".to_owned()];
    let server = Server::bind(options).await.unwrap();
    let addresses = server.local_addrs().to_vec();
    assert!(addresses.len() >= 3);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(server.run(cancel.clone()));
    for mut address in addresses {
        assert_ne!(address.port(), 0);
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let (mut stream, mut answer) = (TcpStream::connect(address).await.unwrap(), Vec::new());
        stream.write_all(b"GET /file HTTP/1.0\r\n\r\n").await.unwrap();
        timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert_eq!(Answer::parse(&answer).text(), "x", "{address}");
    }
    cancel.cancel();
    timeout(LONG, task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn options_that_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    let bind = async |change: &dyn Fn(&mut ServeOptions)| {
        let mut options = ServeOptions::new(directory.path());
        options.listen = vec!["127.0.0.1:0".to_owned()];
        change(&mut options);
        match Server::bind(options).await {
            Ok(server) => panic!("listens on {:?}", server.local_addrs()),
            Err(error) => error,
        }
    };
    let error = bind(&|options| options.root = file.clone()).await;
    assert!(matches!(&error, ServeError::NotADirectory { path } if *path == file), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()));
    let error = bind(&|options| options.root = directory.path().join("none")).await;
    assert!(matches!(&error, ServeError::Root { .. }) && error.to_string().contains("none"), "{error}");
    let error = bind(&|options| options.listen.push(taken.1.clone())).await;
    assert!(matches!(&error, ServeError::Bind { .. }) && error.to_string().contains(&taken.1), "{error}");
    for address in ["8080", "127.0.0.1", ":http", ":", "", "host:99999", ":-1"] {
        let error = bind(&|options| options.listen = vec![address.to_owned()]).await;
        assert!(matches!(&error, ServeError::Address { .. }), "{address}: {error}");
        assert!(error.to_string().contains(&format!("`{address}`")), "{error}");
    }
    let error = bind(&|options| options.listen.clear()).await;
    assert!(matches!(error, ServeError::NoAddress));
    let error = bind(&|options| options.allow_origin = vec!["nowhere".to_owned()]).await;
    assert!(matches!(&error, ServeError::Origin { .. }) && error.to_string().contains("nowhere"));
    let error = bind(&|options| options.access_log = AccessLog::File(file.join("log"))).await;
    assert!(matches!(&error, ServeError::AccessLog { .. }) && error.to_string().contains("log"));
}
