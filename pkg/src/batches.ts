/**
 * Decoding what has come, as much at a time as is there.
 *
 * Several chunks are checked in little more than the time of one. But no chunk waits for others: a batch is
 * what came while the page's thread was busy, with the batch before for instance.
 */

import type { Session } from "./module.js";

/** No batch has more bytes, unless one chunk has, so that the page can breathe: some milliseconds of work. */
const STRETCH = 4 << 20;

/** A chunk that waits to be decoded. */
interface Waiting {
  number: number;
  stored: Uint8Array;
  done: (wrong: unknown) => void;
}

/** Decodes chunks to their places in the output. */
export class Batches {
  readonly #session: Session;
  readonly #output: Uint8Array;
  // A message comes behind what else has arrived, and unlike a timer it is not held up in hidden pages.
  readonly #bell = new MessageChannel();
  #waiting: Waiting[] = [];

  constructor(session: Session, output: Uint8Array) {
    this.#session = session;
    this.#output = output;
    this.#bell.port1.onmessage = () => this.#decode();
  }

  /** Decodes a chunk. Gives what the module says is wrong with it, or `undefined` when it is in its place. */
  decode(number: number, stored: Uint8Array): Promise<unknown> {
    return new Promise((done) => {
      if (this.#waiting.push({ number, stored, done }) === 1) this.#bell.port2.postMessage(undefined);
    });
  }

  /** To be called at the end, when nobody waits for anything any more. */
  close(): void {
    this.#waiting = [];
    this.#bell.port1.close();
  }

  #decode(): void {
    const batch: Waiting[] = [];
    let count = 0;
    let bytes = 0;
    for (const chunk of this.#waiting) {
      bytes += this.#session.chunkStart(chunk.number + 1) - this.#session.chunkStart(chunk.number);
      if (count > 0 && bytes > STRETCH) break;
      count++;
      try {
        this.#session.addToBatch(chunk.number, chunk.stored);
        batch.push(chunk);
      } catch (wrong) {
        chunk.done(wrong);
      }
    }
    this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) this.#bell.port2.postMessage(undefined);
    if (batch.length === 0) return;
    const told: unknown[] = this.#session.finishBatch(this.#output);
    batch.forEach((chunk, at) => chunk.done(told[at]));
  }
}
