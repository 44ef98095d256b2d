/**
 * HTTP requests with our timeouts, retries and limits.
 */

import { AriaError, aborted } from "./error.js";
import { type RetryPolicy, pause, retryAfter } from "./retry.js";

/** No attempt takes longer, however steadily the bytes drip. */
const LONGEST_ATTEMPT_MS = 300_000;

/** How requests are made. */
export interface TransportOptions {
  fetch: typeof globalThis.fetch;
  headers: HeadersInit | undefined;
  credentials: RequestCredentials | undefined;
  stallTimeoutMs: number;
  retry: RetryPolicy;
}

/** What came of one attempt: a body, or an error that may pass. */
type Attempt = { bytes: Uint8Array } | { failure: AriaError; askedMs: number | undefined };

/** Makes requests, and counts them. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * The body at `url`, of at most `limit` bytes. `what` is how errors call it.
   */
  async get(
    url: URL,
    what: string,
    limit: number,
    cache: RequestCache,
    signal: AbortSignal,
    counts: { requests: number },
  ): Promise<Uint8Array> {
    const started = performance.now();
    for (let failed = 1; ; failed++) {
      if (signal.aborted) throw aborted(signal);
      counts.requests++;
      const attempt = await this.#attempt(url, what, limit, cache, signal);
      if ("bytes" in attempt) return attempt.bytes;
      const elapsed = performance.now() - started;
      const wait = pause(this.#options.retry, failed, elapsed, attempt.askedMs, Math.random());
      if (wait === undefined) throw attempt.failure;
      await sleep(wait, signal);
    }
  }

  async #attempt(url: URL, what: string, limit: number, cache: RequestCache, signal: AbortSignal): Promise<Attempt> {
    const place = { url: show(url) };
    const watch = new Watch(this.#options.stallTimeoutMs, signal);
    try {
      const init: RequestInit = { cache, signal: watch.signal };
      if (this.#options.headers !== undefined) init.headers = this.#options.headers;
      if (this.#options.credentials !== undefined) init.credentials = this.#options.credentials;
      let response: Response;
      try {
        response = await this.#options.fetch(url, init);
      } catch (error) {
        if (signal.aborted) throw aborted(signal);
        const why = watch.expired ? "no answer in time" : reason(error);
        const failure = new AriaError("unreachable", `${what} at ${place.url} cannot be reached: ${why}`, {
          ...place,
          cause: error,
        });
        return { failure, askedMs: undefined };
      }
      if (response.status !== 200) return refused(response, what, place.url);
      return await this.#body(response, what, limit, watch, signal, place);
    } finally {
      watch.end();
    }
  }

  async #body(
    response: Response,
    what: string,
    limit: number,
    watch: Watch,
    signal: AbortSignal,
    place: { url: string },
  ): Promise<Attempt> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    // The length is of the bytes on the wire; with a content coding those are not the ones we get.
    const coded = response.headers.get("content-encoding") !== null;
    const announced = coded ? null : response.headers.get("content-length");
    const reader = response.body?.getReader();
    try {
      while (reader !== undefined) {
        const { done, value } = await reader.read();
        if (done) break;
        watch.touch();
        pieces.push(value);
        length += value.length;
        if (length > limit) {
          watch.stop();
          throw new AriaError("too-long", `${what} at ${place.url} has more than the ${limit} bytes it can have`, place);
        }
      }
    } catch (error) {
      if (signal.aborted) throw aborted(signal);
      if (error instanceof AriaError) throw error;
      const got = announced === null ? `${length} bytes` : `${length} of ${announced} bytes`;
      const failure = watch.expired
        ? new AriaError("unreachable", `${what} at ${place.url}: nothing came any more after ${got}`, { ...place, cause: error })
        : new AriaError("truncated", `${what} at ${place.url} is truncated: ${got} came`, { ...place, cause: error });
      return { failure, askedMs: undefined };
    }
    if (announced !== null && Number(announced) > length) {
      const failure = new AriaError(
        "truncated",
        `${what} at ${place.url} is truncated: ${length} of ${announced} bytes came`,
        place,
      );
      return { failure, askedMs: undefined };
    }
    const only = pieces[0];
    if (pieces.length === 1 && only !== undefined) return { bytes: only };
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return { bytes };
  }
}

/** An answer that is not a success: an error for good, or one that may pass. */
function refused(response: Response, what: string, url: string): Attempt {
  // The body is of no use; a connection should not wait for it.
  response.body?.cancel().catch(() => undefined);
  const { status } = response;
  if (status === 404 || status === 410) {
    throw new AriaError("missing", `${what} is missing: ${url} does not exist`, { url });
  }
  const passing = status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
  const answered = `${what} at ${url}: the server answered ${status} ${response.statusText}`.trimEnd();
  if (!passing) throw new AriaError("refused", answered, { url });
  const failure = new AriaError("unreachable", answered, { url });
  return { failure, askedMs: retryAfter(response.headers.get("retry-after"), Date.now()) };
}

/** Aborts a request that brings no byte for a while, that takes too long, or that nobody wants any more. */
class Watch {
  readonly #controller = new AbortController();
  readonly #stallMs: number;
  readonly #total: ReturnType<typeof setTimeout>;
  #stall: ReturnType<typeof setTimeout>;
  /** For the request. */
  readonly signal: AbortSignal;
  /** Whether time has run out. */
  expired = false;

  constructor(stallMs: number, outer: AbortSignal) {
    this.#stallMs = stallMs;
    this.signal = AbortSignal.any([outer, this.#controller.signal]);
    this.#total = setTimeout(this.#expire, LONGEST_ATTEMPT_MS);
    this.#stall = setTimeout(this.#expire, stallMs);
  }

  /** Bytes have come. */
  touch(): void {
    clearTimeout(this.#stall);
    this.#stall = setTimeout(this.#expire, this.#stallMs);
  }

  /** Nobody wants the rest. */
  stop(): void {
    this.#controller.abort();
  }

  readonly #expire = (): void => {
    this.expired = true;
    this.#controller.abort();
  };

  /** The request is over. */
  end(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#stall);
  }
}

/** Waits, or throws when aborted. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(aborted(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** The innermost message of an error. */
function reason(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner.message : String(inner);
}

/** A URL for messages: without its query, which may hold a signature, and without a password. */
export function show(url: URL): string {
  const shown = new URL(url);
  shown.search = "";
  shown.password = "";
  return shown.href;
}
