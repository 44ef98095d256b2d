/**
 * Loading the WebAssembly module, once for the whole page.
 */

import init, { Session } from "./aria_storage_wasm.js";
import { AriaError } from "./error.js";
import type { WasmSource } from "./types.js";

let loading: Promise<unknown> | undefined;

/** Loads the module, if it is not loaded yet. */
export async function load(source: WasmSource | undefined): Promise<void> {
  loading ??= init({ module_or_path: source ?? new URL("aria_storage_wasm_bg.wasm", import.meta.url) });
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
