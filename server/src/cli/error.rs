//! Errors of commands, and the exit codes they end with.

use aria_storage::error::ErrorKind;
use thiserror::Error;

use crate::{publish::PublishError, serve::ServeError};

/// Why a command failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CliError {
    /// From the SDK.
    #[error(transparent)]
    Sdk(#[from] aria_storage::Error),
    /// From the publisher.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// From the static server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// A check found something wrong.
    #[error("{0}")]
    Found(String),
}

impl CliError {
    /// The one line that a person reads: what failed, and what the system said if that is not in it.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            let words = text.split(" (os error").next().unwrap_or(&text);
            if !line.to_lowercase().contains(&words.to_lowercase()) {
                line = format!("{line}: {words}");
            }
            cause = error.source();
        }
        line
    }

    /// What the process ends with; the program's help lists the codes.
    pub fn exit_code(&self) -> u8 {
        let kind = match self {
            Self::Sdk(error) | Self::Publish(PublishError::Sdk(error)) => error.kind(),
            Self::Usage(_) => return 2,
            Self::Found(_) => ErrorKind::Damaged,
            _ => ErrorKind::Other,
        };
        match kind {
            ErrorKind::Missing => 3,
            ErrorKind::Damaged => 4,
            ErrorKind::Unreachable => 5,
            ErrorKind::Cancelled => 130,
            _ => 1,
        }
    }
}
