/**
 * The client: one chunk store, any number of assets.
 */

import { AriaAsset } from "./asset.js";
import { AriaError, aborted } from "./error.js";
import { load } from "./module.js";
import { DEFAULT_RETRY } from "./retry.js";
import { Transport, show } from "./transport.js";
import type { ClientOptions, FetchOptions, Seed, Stats } from "./types.js";
import { type LoadedSeed, Update } from "./update.js";

/** The largest index that is read: 26 million chunks, 1.7 TB at the default sizes. */
const LARGEST_INDEX = 2 ** 30;

/** Fetches assets from a chunk store by the chunks that are missing. */
export class AriaClient {
  readonly #store: URL;
  readonly #transport: Transport;
  readonly #concurrency: number;

  private constructor(store: URL, transport: Transport, concurrency: number) {
    this.#store = store;
    this.#transport = transport;
    this.#concurrency = concurrency;
  }

  /** Opens a store. Loads the WebAssembly module, if that was not done before. */
  static async open(options: ClientOptions): Promise<AriaClient> {
    const { concurrency = 12, retries = DEFAULT_RETRY.attempts - 1, stallTimeoutMs = 30_000 } = options;
    atLeast("concurrency", concurrency, 1);
    atLeast("retries", retries, 0);
    atLeast("stallTimeoutMs", stallTimeoutMs, 1);
    const retry = {
      ...DEFAULT_RETRY,
      attempts: retries + 1,
      baseMs: options.retryBaseMs ?? DEFAULT_RETRY.baseMs,
      budgetMs: options.retryBudgetMs ?? DEFAULT_RETRY.budgetMs,
    };
    const store = absolute(options.store);
    await load(options.wasm);
    const transport = new Transport({
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      headers: options.headers,
      credentials: options.credentials,
      stallTimeoutMs,
      retry,
    });
    return new AriaClient(store, transport, concurrency);
  }

  /**
   * Fetches the asset that an index describes, by the chunks that the seeds do not have. Every chunk is
   * verified, wherever it comes from.
   *
   * @param index the URL of the index, or its bytes
   * @throws {AriaError} see its codes; nothing is left running then
   */
  async fetch(index: URL | string | Uint8Array, options: FetchOptions = {}): Promise<AriaAsset> {
    // One signal for all that belongs to this call: without one of the caller's, it is never aborted.
    const signal = options.signal ?? new AbortController().signal;
    if (signal.aborted) throw aborted(signal);
    const stats = emptyStats();
    const url = index instanceof Uint8Array ? undefined : absolute(index);
    const bytes = index instanceof Uint8Array ? index : await this.#index(absolute(index), signal, stats);
    const seeds: LoadedSeed[] = [];
    for (const seed of options.seeds ?? []) seeds.push(await this.#seed(seed, signal, stats));
    const shown = url === undefined ? undefined : show(url);
    const update = new Update(bytes, shown, seeds, this.#store, this.#transport, this.#concurrency, options, stats);
    return update.run(signal);
  }

  async #index(url: URL, signal: AbortSignal, stats: Stats): Promise<Uint8Array> {
    const bytes = await this.#transport.get(url, "the index", LARGEST_INDEX, "no-cache", signal, stats);
    stats.transferredBytes += bytes.length;
    return bytes;
  }

  async #seed(seed: Seed, signal: AbortSignal, stats: Stats): Promise<LoadedSeed> {
    if (seed instanceof AriaAsset) return { bytes: seed.bytes(), index: seed.index };
    const { bytes, index } = seed;
    if (index === undefined || index instanceof Uint8Array) return { bytes, index };
    return { bytes, index: await this.#index(absolute(index), signal, stats) };
  }
}

function emptyStats(): Stats {
  return {
    totalBytes: 0,
    totalChunks: 0,
    uniqueChunks: 0,
    fetchedBytes: 0,
    fetchedChunks: 0,
    transferredBytes: 0,
    requests: 0,
    reusedBytes: 0,
    nullBytes: 0,
    selfBytes: 0,
    seedBytes: 0,
    damagedSeedChunks: 0,
  };
}

/** A URL, relative to the page where there is one. */
function absolute(url: URL | string): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch (error) {
    throw new AriaError("usage", `"${String(url)}" is not a URL`, { cause: error });
  }
}

function atLeast(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new AriaError("usage", `${name} must be a whole number of at least ${least}, not ${value}`);
  }
}
