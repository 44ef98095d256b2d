/**
 * When to try again, and after how long: pure arithmetic.
 */

/** How often and how patiently a request is repeated. Times are in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all. */
  attempts: number;
  /** The pause before the second attempt is up to this long; it doubles for each further one. */
  baseMs: number;
  /** No pause is longer, unless the server asks for it. */
  longestMs: number;
  /** The longest pause a server may ask for (`Retry-After`); one that asks for more is given up on. */
  longestAskedMs: number;
  /** No attempt begins after this. */
  budgetMs: number;
}

/** The policy where nothing else is asked for. */
export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  baseMs: 500,
  longestMs: 10_000,
  longestAskedMs: 60_000,
  budgetMs: 180_000,
};

/**
 * The pause after the `failed`th failed attempt, or `undefined` to give up. Pauses are drawn from the upper
 * half of their range (`jitter` in 0..1), so that clients that failed together do not come back together.
 */
export function pause(
  policy: RetryPolicy,
  failed: number,
  elapsedMs: number,
  askedMs: number | undefined,
  jitter: number,
): number | undefined {
  if (failed >= policy.attempts) return undefined;
  if (askedMs !== undefined && askedMs > policy.longestAskedMs) return undefined;
  const doubled = Math.min(policy.baseMs * 2 ** Math.min(failed - 1, 20), policy.longestMs);
  const wait = Math.max(doubled * (0.5 + jitter / 2), askedMs ?? 0);
  return elapsedMs + wait < policy.budgetMs ? wait : undefined;
}

/** What a `Retry-After` header asks for, in milliseconds: seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
