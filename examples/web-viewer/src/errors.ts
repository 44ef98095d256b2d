// What the page says when something goes wrong: a sentence for people, then the details.

import { AriaError, type AriaErrorCode } from "aria-storage";

const SENTENCES: Record<AriaErrorCode, string> = {
  aborted: "The work was cancelled.",
  missing: "The server does not have everything that belongs to this model.",
  unreachable: "The server cannot be reached, or it does not answer.",
  refused: "The server refuses to send the model.",
  truncated: "The download broke off early.",
  corrupt: "What the server sent is damaged.",
  "wrong-digest": "What the server sent is not what the index promises.",
  "not-an-index": "What the server sent is not an index.",
  "invalid-index": "The index of this model has a fault.",
  "too-long": "The server sent more than it should.",
  "too-large": "This model does not fit into memory.",
  wasm: "The program for assembling models could not be loaded.",
  usage: "The page was called with something it cannot use.",
};

/** Something the page itself found wrong: what that means, and the details. */
export class PageError extends Error {
  readonly detail: string;

  constructor(message: string, detail: string, options?: ErrorOptions) {
    super(message, options);
    this.detail = detail;
  }
}

/** An error as a sentence, and its details with the code, if it has one. */
export function explain(error: unknown): { sentence: string; detail: string } {
  if (error instanceof PageError) return { sentence: error.message, detail: error.detail };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof AriaError) return { sentence: SENTENCES[error.code], detail: `${error.code}: ${message}` };
  return { sentence: "The model cannot be shown.", detail: message };
}
