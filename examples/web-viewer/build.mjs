// Bundles the page into dist/, with the WebAssembly module beside it.

import { copyFile, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = here("dist");

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  entryPoints: [here("src/main.ts")],
  outfile: `${dist}/main.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: true,
  legalComments: "linked",
  logLevel: "warning",
});
for (const file of ["index.html", "style.css"]) await copyFile(here(`src/${file}`), `${dist}/${file}`);
await copyFile(fileURLToPath(import.meta.resolve("aria-storage/wasm")), `${dist}/aria_storage_wasm_bg.wasm`);
