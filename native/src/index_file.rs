//! Index files: reading and writing them, local or remote.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use aria_storage_core::{Index, index::IndexReader};

use crate::{
    AtomicFile, Error, Result,
    store::{HttpClient, Location, StoreOptions},
};

/// The largest index that is read: 26 million chunks, 1.7 TB at the default sizes.
const LARGEST: u64 = 1 << 30;

/// Reads the index at a location: a path, an `http(s)://` URL, or `-` for standard input.
pub async fn read(location: &str) -> Result<Index> {
    read_with(location, &StoreOptions::default()).await
}

/// As [`read`], with options for the connection.
pub async fn read_with(location: &str, options: &StoreOptions) -> Result<Index> {
    if location == "-" {
        return tokio::task::spawn_blocking(|| read_from(&mut io::stdin().lock(), None, "standard input"))
            .await?;
    }
    match Location::parse(location)? {
        Location::Path(path) => tokio::task::spawn_blocking(move || read_path(&path)).await?,
        Location::Http(url) => {
            let place = location.split('?').next().unwrap_or_default().to_owned();
            let bytes = HttpClient::new(options)?.get(&url, LARGEST).await?;
            let bytes = bytes.ok_or_else(|| Error::NotFound { place: format!("the index {place}") })?;
            Index::decode(&bytes).map_err(|source| Error::Index { place, source })
        }
    }
}

/// Reads the index in a local file.
pub fn read_path(path: &Path) -> Result<Index> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound { place: format!("the index {}", path.display()) },
        _ => Error::io("open", path)(error),
    })?;
    let len = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    read_from(&mut file, len, &path.display().to_string())
}

/// `len` is how much there is to read, if that is known.
fn read_from(input: &mut dyn Read, len: Option<u64>, place: &str) -> Result<Index> {
    let mut reader = len.filter(|&len| len <= LARGEST).map_or_else(IndexReader::new, IndexReader::for_len);
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    let wrong = |source| Error::Index { place: place.to_owned(), source };
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return reader.finish().map_err(wrong),
            Ok(n) => {
                total += n as u64;
                if total > LARGEST {
                    return Err(Error::TooLong { place: place.to_owned(), limit: LARGEST });
                }
                reader.push(&buffer[..n]).map_err(wrong)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", place)(error)),
        }
    }
}

/// Writes an index to a location: a path, an `http(s)://` URL that takes `PUT`, or `-` for standard output.
pub async fn write(location: &str, index: &Index, options: &StoreOptions) -> Result<()> {
    let bytes = index.encode();
    if location == "-" {
        return tokio::task::spawn_blocking(move || {
            io::Write::write_all(&mut io::stdout().lock(), &bytes)
                .map_err(Error::io("write", "standard output"))
        })
        .await?;
    }
    match Location::parse(location)? {
        Location::Path(path) => {
            tokio::task::spawn_blocking(move || AtomicFile::write_whole(path, &bytes)).await?
        }
        Location::Http(url) => {
            HttpClient::new(options)?.put(&url, bytes.into(), "application/octet-stream").await
        }
    }
}
