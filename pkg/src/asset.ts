/**
 * A fetched asset.
 */

import type { Stats } from "./types.js";

/** How large the pieces of a stream are. */
const PIECE = 1 << 20;

/** An asset that is complete and verified. It serves as a seed for the next version. */
export class AriaAsset {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #url: string | undefined;
  /** Its index, as the server sent it. */
  readonly index: Uint8Array;
  /** Where its content came from. */
  readonly stats: Stats;

  /** @internal */
  constructor(bytes: Uint8Array<ArrayBuffer>, index: Uint8Array, stats: Stats) {
    this.#bytes = bytes;
    this.index = index;
    this.stats = stats;
  }

  /** The content. It is not copied: whoever changes it changes the asset. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** The content as a blob. */
  blob(type = "application/octet-stream"): Blob {
    return new Blob([this.#bytes], { type });
  }

  /** The content as a stream. */
  stream(): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (at < this.#bytes.length) {
          controller.enqueue(this.#bytes.slice(at, at + PIECE));
          at += PIECE;
        }
        if (at >= this.#bytes.length) controller.close();
      },
    });
  }

  /** A URL of the content for this page, to be freed by `revoke`. The same one each time. */
  url(type?: string): string {
    this.#url ??= URL.createObjectURL(this.blob(type));
    return this.#url;
  }

  /** Frees what `url` made. */
  revoke(): void {
    if (this.#url !== undefined) URL.revokeObjectURL(this.#url);
    this.#url = undefined;
  }
}
