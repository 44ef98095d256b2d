//! An open file as something that can be served in ranges, with its validators.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_serve::{BoxError, Entity};

/// How much of a file is read at a time and held for one response.
const BLOCK: u64 = 128 * 1024;

/// The first second that an HTTP date cannot express, in the year 10000.
const END_OF_DATES: u64 = 253_402_300_800;

/// A regular file, open, with what it was when it was opened.
///
/// The open file stays the same file when its name is given to another one, so a response that
/// has begun is completed from the file it began with.
pub(super) struct FileEntity {
    file: Arc<File>,
    name: Arc<str>,
    len: u64,
    etag: Option<HeaderValue>,
    modified: Option<SystemTime>,
    content_type: HeaderValue,
}

impl FileEntity {
    /// `name` is only for the program's own log.
    pub(super) fn new(file: File, metadata: &Metadata, name: &str, content_type: HeaderValue) -> Self {
        Self {
            file: Arc::new(file),
            name: name.into(),
            len: metadata.len(),
            etag: HeaderValue::try_from(strong_etag(metadata)).ok(),
            modified: metadata.modified().ok().and_then(whole_second),
            content_type,
        }
    }
}

/// A strong validator: which file, how long, and changed when, to the file system's precision.
/// Another file put in its place by a rename always differs, as both existed at once.
fn strong_etag(metadata: &Metadata) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (inode, len) = (metadata.ino(), metadata.len());
        let (second, nanosecond) = (metadata.mtime(), metadata.mtime_nsec());
        format!("\"{inode:x}-{len:x}-{second:x}-{nanosecond:x}\"")
    }
    #[cfg(not(unix))]
    {
        let since = |time: io::Result<SystemTime>| {
            time.ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default()
        };
        let (created, modified) = (since(metadata.created()), since(metadata.modified()));
        format!("\"{:x}-{:x}-{:x}\"", created.as_nanos(), metadata.len(), modified.as_nanos())
    }
}

/// The second an HTTP date can say; none for times that it cannot.
fn whole_second(time: SystemTime) -> Option<SystemTime> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    if seconds >= END_OF_DATES {
        return None;
    }
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

impl Entity for FileEntity {
    type Data = Bytes;
    type Error = BoxError;

    fn len(&self) -> u64 {
        self.len
    }

    fn get_range(
        &self,
        range: Range<u64>,
    ) -> Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send + Sync>> {
        let (file, name) = (Arc::clone(&self.file), Arc::clone(&self.name));
        Box::pin(stream::try_unfold((file, name, range), |(file, name, left)| async move {
            if left.is_empty() {
                return Ok(None);
            }
            let from = Arc::clone(&file);
            let size = usize::try_from(BLOCK.min(left.end - left.start)).map_err(io::Error::other)?;
            let block = match tokio::task::spawn_blocking(move || read_block(&from, left.start, size)).await {
                Ok(Ok(block)) => block,
                Ok(Err(error)) => {
                    tracing::warn!(file = %name, offset = left.start, %error, "a file could not be read to its end");
                    return Err(BoxError::from(error));
                }
                Err(stopped) => return Err(BoxError::from(stopped)),
            };
            let next = left.start + block.len() as u64;
            Ok(Some((block, (file, name, next..left.end))))
        }))
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, self.content_type.clone());
    }

    fn etag(&self) -> Option<HeaderValue> {
        self.etag.clone()
    }

    fn last_modified(&self) -> Option<SystemTime> {
        self.modified
    }
}

/// Reads at least one byte and at most `size`.
fn read_block(file: &File, offset: u64, size: usize) -> io::Result<Bytes> {
    let mut block = vec![0; size];
    loop {
        match read_at(file, &mut block, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                block.truncate(read);
                return Ok(block.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, block, offset)
}

#[cfg(windows)]
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, block, offset)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    fn entity(file: &std::path::Path) -> FileEntity {
        let file = File::open(file).unwrap();
        let metadata = file.metadata().unwrap();
        FileEntity::new(file, &metadata, "test", HeaderValue::from_static("text/plain"))
    }

    #[tokio::test]
    async fn ranges_over_block_borders() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data: Vec<u8> = (0..3 * BLOCK + 17).map(|at| (at % 251) as u8).collect();
        std::fs::write(file.path(), &data).unwrap();
        let entity = entity(file.path());
        for range in [0..data.len(), 0..0, 5..6, BLOCK as usize - 1..BLOCK as usize + 1, 100..data.len()] {
            let blocks: Vec<Bytes> =
                entity.get_range(range.start as u64..range.end as u64).try_collect().await.unwrap();
            assert_eq!(blocks.concat(), data[range]);
        }
    }

    #[tokio::test]
    async fn a_file_cut_short_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let entity = entity(file.path());
        file.as_file().set_len(4).unwrap();
        let error = entity.get_range(0..10).try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn times_that_dates_cannot_say() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(whole_second(epoch - Duration::from_secs(1)), None);
        assert_eq!(whole_second(epoch + Duration::from_millis(1999)), Some(epoch + Duration::from_secs(1)));
        assert_eq!(whole_second(epoch + Duration::from_secs(END_OF_DATES)), None);
    }

    #[test]
    fn old_files_have_a_strong_etag_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(77)).unwrap();
        let entity = entity(file.path());
        assert!(entity.etag().unwrap().to_str().unwrap().starts_with('"'));
        assert_eq!(entity.last_modified(), None);
    }
}
