//! When to try again, and after how long: pure arithmetic, apart from the sleeping.

use std::time::Duration;

/// How often and how patiently a request is repeated. Every limit is finite, so no request hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// The pause before the second attempt is up to this long; it doubles for each further one.
    pub base: Duration,
    /// No pause is longer, unless the server asks for it.
    pub longest: Duration,
    /// The longest pause a server may ask for (`Retry-After`); one that asks for more is given up on.
    pub longest_asked: Duration,
    /// All attempts and pauses of a request together; no attempt begins after it.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            longest_asked: Duration::from_secs(60),
            budget: Duration::from_secs(180),
        }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub struct Retry {
    policy: RetryPolicy,
    failed: u32,
}

impl Retry {
    /// Before the first attempt.
    pub const fn new(policy: RetryPolicy) -> Self {
        Self { policy, failed: 0 }
    }

    /// How many attempts have failed.
    pub const fn failed(&self) -> u32 {
        self.failed
    }

    /// An attempt has failed, `elapsed` after the first one began, and perhaps the server said how long to
    /// wait. The pause before the next attempt, or `None` to give up.
    ///
    /// Pauses grow exponentially and are drawn from the upper half of their range (`jitter` in 0..=1), so
    /// that clients that failed together do not come back together.
    pub fn pause(&mut self, elapsed: Duration, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= self.policy.attempts.max(1) {
            return None;
        }
        let doubled = self.policy.base.saturating_mul(1 << (self.failed - 1).min(20));
        let own = doubled
            .min(self.policy.longest)
            .min(self.policy.budget)
            .mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let pause = match asked {
            Some(asked) if asked > self.policy.longest_asked => return None,
            Some(asked) => asked.max(own),
            None => own,
        };
        (elapsed.saturating_add(pause) < self.policy.budget).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 6,
        base: Duration::from_millis(500),
        longest: Duration::from_secs(5),
        longest_asked: Duration::from_secs(60),
        budget: Duration::from_secs(100),
    };

    fn pauses(jitter: f64) -> Vec<u128> {
        let mut retry = Retry::new(POLICY);
        std::iter::from_fn(|| retry.pause(Duration::ZERO, None, jitter))
            .map(|pause| pause.as_millis())
            .collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        assert_eq!(pauses(1.0), [500, 1000, 2000, 4000, 5000]);
        assert_eq!(pauses(0.0), [250, 500, 1000, 2000, 2500]);
    }

    #[test]
    fn the_server_is_heard_within_limits() {
        let asked =
            |seconds| Retry::new(POLICY).pause(Duration::ZERO, Some(Duration::from_secs(seconds)), 1.0);
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(0), Some(Duration::from_millis(500)), "never sooner than our own pause");
        assert_eq!(asked(61), None);
        assert_eq!(asked(u64::MAX), None);
    }

    #[test]
    fn the_budget_is_never_passed() {
        let mut retry = Retry::new(POLICY);
        assert!(retry.pause(Duration::from_secs(99), None, 1.0).is_some());
        assert!(retry.pause(Duration::from_secs(99), None, 1.0).is_none());
        // Even a policy without sense in it ends and does not overflow.
        let wild = RetryPolicy { attempts: u32::MAX, base: Duration::MAX, longest: Duration::MAX, ..POLICY };
        assert_eq!(Retry::new(wild).pause(Duration::ZERO, None, 1.0), None);
        assert_eq!(Retry::new(RetryPolicy { attempts: 0, ..POLICY }).pause(Duration::ZERO, None, 1.0), None);
    }
}
