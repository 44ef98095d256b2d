/**
 * Content-addressed delta sync in browsers: fetch only the chunks of a file that changed.
 */

export { AriaAsset } from "./asset.js";
export { AriaClient } from "./client.js";
export { AriaError, type AriaErrorCode } from "./error.js";
export type { ClientOptions, FetchOptions, Progress, Seed, Stats, WasmSource } from "./types.js";
