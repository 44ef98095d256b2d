/**
 * One update: carrying out the plan that the core made.
 */

import { AriaAsset } from "./asset.js";
import { AriaError, aborted, fromModule } from "./error.js";
import { Session } from "./module.js";
import { type Transport, show } from "./transport.js";
import type { FetchOptions, Progress, Stats } from "./types.js";

/** A seed whose bytes and index are at hand. */
export interface LoadedSeed {
  bytes: Uint8Array;
  index: Uint8Array | undefined;
}

/** A run of the plan; see `Session.plan`. */
interface Segment {
  kind: number;
  seed: number;
  offset: number;
  start: number;
  end: number;
  firstChunk: number;
  chunks: number;
}

/** The kinds of source, as the module numbers them. */
const NULL = 1;
const SEED = 2;
const OWN = 3;

/** How many bytes of a seed are cut at a time. */
const PIECE = 1 << 20;

/** How long the page's thread is kept busy at a stretch, in milliseconds. */
const STRETCH_MS = 20;

/** Puts an asset together. */
export class Update {
  readonly #session: Session;
  readonly #index: Uint8Array;
  readonly #seeds: LoadedSeed[];
  readonly #store: URL;
  readonly #transport: Transport;
  readonly #concurrency: number;
  readonly #options: FetchOptions;
  readonly #stats: Stats;
  readonly #progress: Progress;
  #output = new Uint8Array(0);
  #rested = performance.now();

  constructor(
    index: Uint8Array,
    url: string | undefined,
    seeds: LoadedSeed[],
    store: URL,
    transport: Transport,
    concurrency: number,
    options: FetchOptions,
    stats: Stats,
  ) {
    try {
      this.#session = new Session(index);
    } catch (error) {
      throw fromModule(error, { what: `the index ${url ?? "given"}`, url });
    }
    this.#index = index;
    this.#seeds = seeds;
    this.#store = store;
    this.#transport = transport;
    this.#concurrency = concurrency;
    this.#options = options;
    this.#stats = stats;
    stats.totalBytes = this.#session.size;
    stats.totalChunks = this.#session.chunkCount;
    this.#progress = {
      doneBytes: 0,
      totalBytes: stats.totalBytes,
      doneChunks: 0,
      totalChunks: stats.totalChunks,
      transferredBytes: stats.transferredBytes,
    };
  }

  /** Does it. `signal` aborts it; nothing is left running when this returns or throws. */
  async run(signal: AbortSignal): Promise<AriaAsset> {
    try {
      this.#output = allocate(this.#session.size);
      await this.#addSeeds(signal);
      const segments = readSegments(this.#session.plan());
      this.#stats.uniqueChunks = this.#session.uniqueChunks;
      const missing: number[] = [];
      const copies: Segment[] = [];
      for (const segment of segments) {
        if (segment.kind === NULL) this.#count("nullBytes", segment);
        else if (segment.kind === OWN) copies.push(segment);
        else if (segment.kind !== SEED) missing.push(...numbers(segment));
      }
      const damaged = await this.#copySeeds(segments, signal);
      const again = this.#copiesOfDamaged(damaged);
      await this.#fetchAll([...missing, ...again.missing], signal);
      for (const segment of [...again.copies, ...copies]) {
        await this.#rest(signal);
        this.#output.copyWithin(segment.start, segment.offset, segment.offset + segment.end - segment.start);
        this.#count("selfBytes", segment);
      }
      this.#stats.reusedBytes = this.#stats.totalBytes - this.#stats.fetchedBytes;
      return new AriaAsset(this.#output, this.#index, this.#stats);
    } finally {
      this.#session.free();
    }
  }

  async #addSeeds(signal: AbortSignal): Promise<void> {
    for (const { bytes, index } of this.#seeds) {
      if (index !== undefined) {
        try {
          this.#session.addSeedIndex(index);
        } catch (error) {
          throw fromModule(error, { what: "the index of a seed" });
        }
        continue;
      }
      this.#session.beginSeed();
      for (let at = 0; at < bytes.length; at += PIECE) {
        await this.#rest(signal);
        this.#session.pushSeed(bytes.subarray(at, at + PIECE));
      }
      this.#session.endSeed();
    }
  }

  /** Copies what the seeds have, checked. Gives the numbers of the chunks that they turned out not to have. */
  async #copySeeds(segments: Segment[], signal: AbortSignal): Promise<number[]> {
    const damaged: number[] = [];
    for (const segment of segments) {
      if (segment.kind !== SEED) continue;
      const seed = this.#seeds[segment.seed]?.bytes ?? new Uint8Array(0);
      for (const number of numbers(segment)) {
        await this.#rest(signal);
        const start = this.#session.chunkStart(number);
        const end = this.#session.chunkStart(number + 1);
        const from = segment.offset + (start - segment.start);
        const chunk = seed.subarray(from, from + end - start);
        if (this.#session.verify(number, chunk)) {
          this.#output.set(chunk, start);
          this.#count("seedBytes", { start, end, chunks: 1 });
        } else {
          damaged.push(number);
        }
      }
    }
    this.#stats.damagedSeedChunks = damaged.length;
    return damaged;
  }

  /** Of chunks that the seeds did not have, each different one is fetched once and copied to its other places. */
  #copiesOfDamaged(damaged: number[]): { missing: number[]; copies: Segment[] } {
    const first = new Map<string, number>();
    const copies: Segment[] = [];
    for (const number of damaged) {
      const id = this.#session.chunkId(number);
      const other = first.get(id);
      if (other === undefined) {
        first.set(id, number);
        continue;
      }
      copies.push({
        kind: OWN,
        seed: 0,
        offset: this.#session.chunkStart(other),
        start: this.#session.chunkStart(number),
        end: this.#session.chunkStart(number + 1),
        firstChunk: number,
        chunks: 1,
      });
    }
    return { missing: [...first.values()], copies };
  }

  /** Fetches chunks, some at a time. The first failure stops the others, and is the one that is thrown. */
  async #fetchAll(missing: number[], outer: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    let next = 0;
    let failure: unknown;
    const work = async (): Promise<void> => {
      try {
        for (let number = missing[next++]; number !== undefined; number = missing[next++]) {
          await this.#fetchChunk(number, signal);
        }
      } catch (error) {
        failure ??= error;
        stop.abort();
      }
    };
    const width = Math.min(this.#concurrency, missing.length);
    await Promise.all(Array.from({ length: width }, work));
    if (outer.aborted) throw aborted(outer);
    if (failure !== undefined) throw failure;
  }

  async #fetchChunk(number: number, signal: AbortSignal): Promise<void> {
    const url = chunkUrl(this.#store, this.#session.chunkPath(number));
    const chunk = this.#session.chunkId(number);
    const what = `chunk ${chunk}`;
    const start = this.#session.chunkStart(number);
    const end = this.#session.chunkStart(number + 1);
    // What does not verify may sit in a cache on the way: the second try goes past it.
    for (const cache of ["default", "reload"] as const) {
      let stored: Uint8Array;
      try {
        const limit = this.#session.maxStoredSize(number);
        stored = await this.#transport.get(url, what, limit, cache, signal, this.#stats);
      } catch (error) {
        if (!(error instanceof AriaError)) throw error;
        if (error.code === "too-long" && cache === "default") continue;
        const { code, message, cause } = error;
        throw new AriaError(code === "too-long" ? "corrupt" : code, message, { url: show(url), chunk, cause });
      }
      this.#stats.transferredBytes += stored.length;
      this.#progress.transferredBytes = this.#stats.transferredBytes;
      try {
        this.#session.decode(number, stored, this.#output, start);
      } catch (error) {
        if (cache === "default") continue;
        throw fromModule(error, { what: `${what} from ${show(this.#store)}`, url: show(url), chunk });
      }
      this.#stats.fetchedChunks++;
      this.#count("fetchedBytes", { start, end, chunks: 1 });
      await this.#rest(signal);
      return;
    }
  }

  #count(
    kind: "nullBytes" | "selfBytes" | "seedBytes" | "fetchedBytes",
    part: { start: number; end: number; chunks: number },
  ): void {
    this.#stats[kind] += part.end - part.start;
    this.#progress.doneBytes += part.end - part.start;
    this.#progress.doneChunks += part.chunks;
    this.#options.onProgress?.({ ...this.#progress });
  }

  /** Lets the page breathe now and then, and notices that the work was aborted. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#rested > STRETCH_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      this.#rested = performance.now();
    }
    if (signal.aborted) throw aborted(signal);
  }
}

function readSegments(fields: Float64Array): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + 7 <= fields.length; at += 7) {
    const [kind = 0, seed = 0, offset = 0, start = 0, end = 0, firstChunk = 0, chunks = 0] = fields.subarray(at, at + 7);
    segments.push({ kind, seed, offset, start, end, firstChunk, chunks });
  }
  return segments;
}

function numbers(segment: Segment): number[] {
  return Array.from({ length: segment.chunks }, (_, i) => segment.firstChunk + i);
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new AriaError("too-large", `the asset has ${size} bytes, more than fit into memory here`, { cause: error });
  }
}

/** The URL of a chunk: its path below the store's, with the store's query. */
export function chunkUrl(store: URL, path: string): URL {
  const url = new URL(store);
  url.pathname += url.pathname.endsWith("/") ? path : `/${path}`;
  return url;
}
