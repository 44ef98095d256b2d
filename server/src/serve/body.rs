//! The body of a response, which counts what it gives and reports when it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_serve::BoxError;
use hyper::body::{Body, Frame, SizeHint};

use super::log::Entry;

/// A response's body. Its log entry is written when it is dropped, which is when the connection
/// has taken all of it or has given up.
pub(super) struct ServeBody {
    inner: http_serve::Body,
    entry: Option<Entry>,
}

impl ServeBody {
    pub(super) fn new(inner: http_serve::Body) -> Self {
        Self { inner, entry: None }
    }

    pub(super) fn text(text: String) -> Self {
        Self::new(http_serve::Body::from(text))
    }

    /// The same body, reporting to `entry`.
    pub(super) fn logged(mut self, mut entry: Entry) -> Self {
        if self.inner.is_end_stream() {
            entry.complete();
        }
        self.entry = Some(entry);
        self
    }
}

impl Default for ServeBody {
    fn default() -> Self {
        Self::new(http_serve::Body::empty())
    }
}

impl Body for ServeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        let ended = match &polled {
            Poll::Pending | Poll::Ready(Some(Err(_))) => false,
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(entry), Some(data)) = (&mut self.entry, frame.data_ref()) {
                    entry.add(data.len() as u64);
                }
                self.inner.is_end_stream()
            }
        };
        if ended && let Some(entry) = &mut self.entry {
            entry.complete();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
