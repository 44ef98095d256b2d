/**
 * One update: carrying out the plan that the core made.
 */

import { AriaAsset } from "./asset.js";
import { Batches } from "./batches.js";
import { AriaError, aborted, fromModule } from "./error.js";
import { Session } from "./module.js";
import { type Transport, show } from "./transport.js";
import type { FetchOptions, Progress, Stats } from "./types.js";

/** A seed whose bytes and index are at hand. */
export interface LoadedSeed {
  bytes: Uint8Array;
  index: Uint8Array | undefined;
}

/** Chunks that follow each other in the target. */
interface Run {
  start: number;
  end: number;
  firstChunk: number;
  chunks: number;
}

/** A run of the plan; see `Session.plan`. */
interface Segment extends Run {
  kind: number;
  seed: number;
  offset: number;
}

/** The kinds of source, as the module numbers them. */
const NULL = 1;
const SEED = 2;
const OWN = 3;

/** How many bytes of a seed are cut or checked at a time. */
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
      for (const run of this.#runs(segment)) {
        await this.#rest(signal);
        const from = segment.offset + (run.start - segment.start);
        const bytes = seed.subarray(from, from + run.end - run.start);
        const wrong = new Set(this.#session.damaged(run.firstChunk, run.chunks, bytes));
        if (wrong.size === 0) {
          this.#output.set(bytes, run.start);
          this.#count("seedBytes", run);
          continue;
        }
        damaged.push(...wrong);
        for (const number of numbers(run)) {
          if (wrong.has(number)) continue;
          const start = this.#session.chunkStart(number);
          const end = this.#session.chunkStart(number + 1);
          this.#output.set(bytes.subarray(start - run.start, end - run.start), start);
          this.#count("seedBytes", { start, end, chunks: 1 });
        }
      }
    }
    this.#stats.damagedSeedChunks = damaged.length;
    return damaged;
  }

  /** Cuts a segment into runs of whole chunks, each of about as many bytes as are checked at a time. */
  *#runs(segment: Segment): Generator<Run> {
    const behind = segment.firstChunk + segment.chunks;
    for (let first = segment.firstChunk; first < behind; ) {
      const start = this.#session.chunkStart(first);
      let next = first + 1;
      while (next < behind && this.#session.chunkStart(next + 1) - start <= PIECE) next++;
      yield { start, end: this.#session.chunkStart(next), firstChunk: first, chunks: next - first };
      first = next;
    }
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
    const batches = new Batches(this.#session, this.#output);
    // What does not verify may sit in a cache on the way: the second try goes past it.
    const again: number[] = [];
    let next = 0;
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      stop.abort();
    };
    const work = async (): Promise<void> => {
      // The chunk before is decoded while the next one is on its way.
      let before: Promise<void> | undefined;
      while (!signal.aborted) {
        const repeated = again.pop();
        const number = repeated ?? missing[next++];
        if (number === undefined) {
          await before;
          if (again.length === 0) return;
          continue;
        }
        const cache = repeated === undefined ? "default" : "reload";
        const stored = await this.#fetchChunk(number, cache, signal);
        await before;
        before = this.#decode(number, stored, batches).then((error) => {
          if (error !== undefined && cache === "default") again.push(number);
          else if (error !== undefined) fail(error);
        }).catch(fail);
      }
    };
    const width = Math.min(this.#concurrency, missing.length);
    try {
      await Promise.all(Array.from({ length: width }, () => work().catch(fail)));
    } finally {
      batches.close();
    }
    if (outer.aborted) throw aborted(outer);
    if (failure !== undefined) throw failure;
  }

  /** The stored bytes of a chunk, or the error that they are too many for it. */
  async #fetchChunk(number: number, cache: RequestCache, signal: AbortSignal): Promise<Uint8Array | AriaError> {
    const { url, chunk, what } = this.#named(number);
    try {
      const limit = this.#session.maxStoredSize(number);
      const stored = await this.#transport.get(url, what, limit, cache, signal, this.#stats);
      this.#stats.transferredBytes += stored.length;
      this.#progress.transferredBytes = this.#stats.transferredBytes;
      return stored;
    } catch (error) {
      if (!(error instanceof AriaError)) throw error;
      const { code, message, cause } = error;
      const place = { url: show(url), chunk, cause };
      if (code !== "too-long") throw new AriaError(code, message, place);
      return new AriaError("corrupt", message, place);
    }
  }

  /** Decodes a chunk to its place. Gives what is wrong with it, if something is. */
  async #decode(number: number, stored: Uint8Array | AriaError, batches: Batches): Promise<AriaError | undefined> {
    if (stored instanceof AriaError) return stored;
    const wrong = await batches.decode(number, stored);
    if (wrong !== undefined) {
      const { url, chunk, what } = this.#named(number);
      return fromModule(wrong, { what: `${what} from ${show(this.#store)}`, url: show(url), chunk });
    }
    const start = this.#session.chunkStart(number);
    this.#stats.fetchedChunks++;
    this.#count("fetchedBytes", { start, end: this.#session.chunkStart(number + 1), chunks: 1 });
    return undefined;
  }

  /** Where a chunk is, and what it is called. */
  #named(number: number): { url: URL; chunk: string; what: string } {
    const chunk = this.#session.chunkId(number);
    return { url: chunkUrl(this.#store, this.#session.chunkPath(number)), chunk, what: `chunk ${chunk}` };
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

function numbers(segment: Run): number[] {
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
