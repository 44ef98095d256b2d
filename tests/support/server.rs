//! Servers: `aria serve` with its log, and one that does as it is told, however badly.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use aria_storage::core::ChunkId;

/// `aria serve` on a free port. Ends with this value.
pub struct Served {
    child: Child,
    log: PathBuf,
    /// The address, with a slash at the end.
    pub url: String,
}

impl Served {
    /// Serves a folder; the log is in `log`.
    pub fn start(root: &Path, log: &Path) -> Self {
        let args = ["serve", ".", "-l", "127.0.0.1:0", "--log-format", "json", "--log"];
        let mut child =
            crate::command(root, &args).arg(log).stderr(Stdio::piped()).spawn().expect("aria serve starts");
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "{line}");
        Self { child, log: log.to_path_buf(), url }
    }

    /// Ends the server and gives the chunks that were asked for, sorted, as often as they were asked for.
    pub fn chunks_asked_for(mut self) -> Vec<ChunkId> {
        // Asked politely, it writes the last lines of its log.
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
        let log = fs::read_to_string(&self.log).unwrap();
        let mut ids: Vec<ChunkId> = log.lines().filter_map(chunk_of_line).collect();
        ids.sort();
        ids
    }
}

fn chunk_of_line(line: &str) -> Option<ChunkId> {
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(entry["method"], "GET");
    chunk_of_path(entry["path"].as_str()?)
}

fn chunk_of_path(path: &str) -> Option<ChunkId> {
    Some(ChunkId::from_file_name(path.rsplit('/').next()?)?.0)
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the scripted server does about a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The file, if there is one.
    File,
    /// The file, after a pause.
    Slow(Duration),
    /// A status with a body and header lines.
    Status(u16, Vec<u8>, String),
    /// Status 200 with the file's length, but only so many bytes of it; then the connection is closed.
    Cut(usize),
    /// Status 200 with the file's length and so many bytes of it, then nothing any more.
    Stall(usize),
    /// Status 200 and bytes without end.
    Endless,
    /// The connection is closed without an answer.
    Close,
}

/// Which answer the request for a path gets, the `n`th time (from 1).
type Rule = Box<dyn Fn(u32) -> Answer + Send>;

/// A server that does as it is told.
pub struct Scripted {
    /// The address, with a slash at the end.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    root: PathBuf,
    rules: Mutex<HashMap<String, Rule>>,
    asked: Mutex<Vec<String>>,
    put: Mutex<Vec<String>>,
}

impl Scripted {
    /// Serves a folder; `PUT` writes to it.
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { root: root.to_path_buf(), ..Shared::default() });
        let for_thread = Arc::clone(&shared);
        // Ends with the process: tests are short.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                thread::spawn(move || shared.connection(stream));
            }
        });
        Self { url, shared }
    }

    /// From now on, requests for this path (`/…`, or `*` for all that have no rule) are answered so.
    pub fn on(&self, path: &str, rule: impl Fn(u32) -> Answer + Send + 'static) {
        self.shared.rules.lock().unwrap().insert(path.to_owned(), Box::new(rule));
    }

    /// Requests so far, by path.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The chunks asked for so far.
    pub fn chunks_asked_for(&self) -> Vec<ChunkId> {
        self.asked().iter().filter_map(|path| chunk_of_path(path)).collect()
    }

    /// What was put, in order.
    pub fn put(&self) -> Vec<String> {
        self.shared.put.lock().unwrap().clone()
    }

    /// Forgets rules and requests.
    pub fn reset(&self) {
        self.shared.rules.lock().unwrap().clear();
        self.shared.asked.lock().unwrap().clear();
        self.shared.put.lock().unwrap().clear();
    }
}

impl Shared {
    /// One request after the other, until the client or an answer closes the connection.
    fn connection(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some((method, path, length)) = read_head(&mut reader) {
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err()
                || self.answer(&mut stream, &method, &path, &body).is_err()
            {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn answer(&self, stream: &mut TcpStream, method: &str, path: &str, body: &[u8]) -> std::io::Result<()> {
        let file = self.root.join(path.trim_start_matches('/'));
        if method == "PUT" {
            fs::create_dir_all(file.parent().unwrap())?;
            fs::write(&file, body)?;
            self.put.lock().unwrap().push(path.to_owned());
            return write!(stream, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        }
        if method == "HEAD" {
            let status = if file.is_file() { "200 OK" } else { "404 Not Found" };
            return write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        }
        let answer = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(path.to_owned());
            let times = asked.iter().filter(|other| *other == path).count() as u32;
            let rules = self.rules.lock().unwrap();
            rules.get(path).or_else(|| rules.get("*")).map_or(Answer::File, |rule| rule(times))
        };
        let content = fs::read(&file).unwrap_or_default();
        let start = |stream: &mut TcpStream, upto: usize| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len())?;
            stream.write_all(&content[..upto.min(content.len())])?;
            stream.flush()
        };
        match answer {
            Answer::File | Answer::Slow(_) if !file.is_file() => {
                write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            }
            Answer::File => start(stream, usize::MAX),
            Answer::Slow(pause) => {
                thread::sleep(pause);
                start(stream, usize::MAX)
            }
            Answer::Status(status, body, headers) => {
                write!(
                    stream,
                    "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n{headers}\r\n",
                    body.len()
                )?;
                stream.write_all(&body)
            }
            Answer::Cut(upto) => {
                start(stream, upto)?;
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
            Answer::Stall(upto) => {
                start(stream, upto)?;
                thread::sleep(Duration::from_secs(30));
                Err(std::io::ErrorKind::TimedOut.into())
            }
            Answer::Endless => {
                write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                let piece = [b'x'; 0x1000];
                loop {
                    write!(stream, "1000\r\n")?;
                    stream.write_all(&piece)?;
                    stream.write_all(b"\r\n")?;
                }
            }
            Answer::Close => Err(std::io::ErrorKind::ConnectionReset.into()),
        }
    }
}

/// Method, path and length of the body.
fn read_head(reader: &mut impl BufRead) -> Option<(String, String, usize)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&n| n > 0)?;
        if header.trim().is_empty() {
            return Some((method, path, length));
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
}
