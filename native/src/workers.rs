//! The same work on several threads.

use crate::{Error, Result, make::threads};

/// Runs `work` on as many threads as an option asks for (0 is one per processor) and gathers the results.
/// The first error is the result, when all have ended.
pub(crate) fn run<T: Send>(asked: usize, work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..threads(asked) {
            let worker =
                std::thread::Builder::new().name("aria-worker".to_owned()).spawn_scoped(scope, &work);
            match worker {
                Ok(worker) => workers.push(worker),
                // Fewer will do.
                Err(_) if !workers.is_empty() => break,
                Err(error) => return Err(Error::Worker(format!("cannot start a thread: {error}"))),
            }
        }
        let ended: Vec<Result<T>> = workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::Worker("one of several at the same work".to_owned())))
            })
            .collect();
        ended.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_results_or_an_error() {
        let next = AtomicUsize::new(0);
        let mut results = run(3, || Ok(next.fetch_add(1, Ordering::Relaxed))).unwrap();
        results.sort_unstable();
        assert_eq!(results, [0, 1, 2]);
        let fails = || match next.fetch_add(1, Ordering::Relaxed) {
            4 => Err(Error::Cancelled),
            other => Ok(other),
        };
        assert!(matches!(run(3, fails), Err(Error::Cancelled)));
        assert!(!run(0, || Ok(())).unwrap().is_empty());
    }
}
