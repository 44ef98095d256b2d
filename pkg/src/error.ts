/**
 * What can go wrong, by a `code` that programs can tell apart.
 */

/**
 * - `aborted`: the caller's signal aborted the work; `cause` is its reason
 * - `missing`: the server does not have a chunk or an index (404, 410)
 * - `unreachable`: no answer, or none in time, or a failing server, in spite of retries
 * - `refused`: the server answered with another status than success
 * - `truncated`: a chunk or an index ended early
 * - `corrupt`: what came is not the chunk that was asked for (an error page, perhaps)
 * - `wrong-digest`: the chunk is right by the other digest than the index says
 * - `not-an-index`: what came is no index at all
 * - `invalid-index`: an index with a fault in it
 * - `too-long`: a server sent more than the thing asked for can have
 * - `too-large`: the asset does not fit into memory
 * - `wasm`: the WebAssembly module could not be loaded
 * - `usage`: a wrong argument
 */
export type AriaErrorCode =
  | "aborted"
  | "missing"
  | "unreachable"
  | "refused"
  | "truncated"
  | "corrupt"
  | "wrong-digest"
  | "not-an-index"
  | "invalid-index"
  | "too-long"
  | "too-large"
  | "wasm"
  | "usage";

/** Where an error happened. */
export interface AriaErrorPlace {
  /** The URL that was asked for, without its query. */
  url?: string | undefined;
  /** The ID of the chunk. */
  chunk?: string | undefined;
  /** The error behind this one. */
  cause?: unknown;
}

/** The only kind of error that this package throws. */
export class AriaError extends Error {
  /** What went wrong. */
  readonly code: AriaErrorCode;
  /** The URL that was asked for, without its query. */
  readonly url: string | undefined;
  /** The ID of the chunk. */
  readonly chunk: string | undefined;

  constructor(code: AriaErrorCode, message: string, place: AriaErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.name = "AriaError";
    this.code = code;
    this.url = place.url;
    this.chunk = place.chunk;
  }
}

/** The error of a signal that has been aborted. */
export function aborted(signal: AbortSignal): AriaError {
  return new AriaError("aborted", "the work was aborted", { cause: signal.reason });
}

/** Makes an error of this package of one that the WebAssembly module threw. */
export function fromModule(error: unknown, place: AriaErrorPlace & { what: string }): AriaError {
  if (error instanceof AriaError) return error;
  const code = (error as { code?: AriaErrorCode } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  return new AriaError(code ?? "wasm", `${place.what}: ${message}`, { ...place, cause: error });
}
