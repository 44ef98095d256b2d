/**
 * What goes into a client and what comes out of it.
 */

import type { AriaAsset } from "./asset.js";

/** Where the WebAssembly module comes from. */
export type WasmSource = URL | string | Response | BufferSource | WebAssembly.Module;

/** Options of `AriaClient.open`. */
export interface ClientOptions {
  /** The URL of the chunk store. A query in it is sent along with every chunk's request. */
  store: URL | string;
  /** The WebAssembly module; by default it is loaded from beside the package's JavaScript. */
  wasm?: WasmSource;
  /** How many chunks are fetched at a time. Default 12. */
  concurrency?: number;
  /** How many times a failed request is repeated. Default 4. */
  retries?: number;
  /** A request that brings no byte for so many milliseconds has failed. Default 30000. */
  stallTimeoutMs?: number;
  /** A request is not repeated any more after so many milliseconds. Default 180000. */
  retryBudgetMs?: number;
  /** The pause before the first repetition, in milliseconds; it doubles each time. Default 500. */
  retryBaseMs?: number;
  /** Headers for every request, such as `Authorization`. */
  headers?: HeadersInit;
  /** As for `fetch`. */
  credentials?: RequestCredentials;
  /** Used instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** Something that may have some of the content that is wanted. */
export type Seed =
  | AriaAsset
  | {
      /** The bytes of an older version. */
      bytes: Uint8Array;
      /** Their index: its bytes or its URL. Without one, the bytes are cut on the spot. */
      index?: Uint8Array | URL | string;
    };

/** Options of `AriaClient.fetch`. */
export interface FetchOptions {
  /** Aborts the work. */
  signal?: AbortSignal;
  /** Is told how far the work is, after each step of it. */
  onProgress?: (progress: Progress) => void;
  /** Older versions, the likeliest first. */
  seeds?: Seed[];
}

/** How far the work is. */
export interface Progress {
  /** Bytes of the asset that are there. */
  doneBytes: number;
  /** Bytes of the asset. */
  totalBytes: number;
  /** Chunks of the asset that are there. */
  doneChunks: number;
  /** Chunks of the asset. */
  totalChunks: number;
  /** Bytes that came over the network so far. */
  transferredBytes: number;
}

/** Where the content of an asset came from. Bytes are bytes of the asset unless said otherwise. */
export interface Stats {
  /** The size of the asset. */
  totalBytes: number;
  /** The number of its chunks. */
  totalChunks: number;
  /** The number of its different chunks. */
  uniqueChunks: number;
  /** Bytes that were fetched, decompressed. */
  fetchedBytes: number;
  /** Chunks that were fetched. */
  fetchedChunks: number;
  /** Bytes that came over the network: compressed chunks and the index. */
  transferredBytes: number;
  /** Requests that were made, repetitions included. */
  requests: number;
  /** Bytes that were not fetched. */
  reusedBytes: number;
  /** Bytes that are zeros. */
  nullBytes: number;
  /** Bytes that the asset repeats of itself. */
  selfBytes: number;
  /** Bytes from seeds. */
  seedBytes: number;
  /** Chunks that a seed was to give but did not have, and that were fetched instead. */
  damagedSeedChunks: number;
}
