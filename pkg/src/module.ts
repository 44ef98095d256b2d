/**
 * Loading the WebAssembly module, once for the whole page.
 */

import init, { Session } from "./aria_storage_wasm.js";
import { AriaError } from "./error.js";
import type { WasmSource } from "./types.js";

/** The smallest module that has an instruction on vectors: one function, which makes a vector and drops it. */
const WITH_VECTORS = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
  [0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // types: one, a function of nothing with no result
  [0x03, 0x02, 0x01, 0x00], // functions: one, of that type
  [0x0a, 0x09, 0x01, 0x07, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x1a, 0x0b], // code: i32.const 0, i8x16.splat, drop
];

let loading: Promise<unknown> | undefined;

/** Whether WebAssembly has vectors of 128 bits here. */
function hasVectors(): boolean {
  return WebAssembly.validate(Uint8Array.from(WITH_VECTORS.flat()));
}

/** The module of this package that suits this browser. Bundlers know such URLs only when they are written out. */
export function ownModule(): URL {
  return hasVectors()
    ? new URL("aria_storage_wasm_simd_bg.wasm", import.meta.url)
    : new URL("aria_storage_wasm_bg.wasm", import.meta.url);
}

/** Loads the module, if it is not loaded yet. */
export async function load(source: WasmSource | undefined): Promise<void> {
  loading ??= init({ module_or_path: source ?? ownModule() });
  try {
    await loading;
  } catch (error) {
    // The next call may try again, with another source perhaps.
    loading = undefined;
    const message = error instanceof Error ? error.message : String(error);
    throw new AriaError("wasm", `the WebAssembly module could not be loaded: ${message}`, { cause: error });
  }
}

export { Session };
