// Bundles the page into dist/, with the WebAssembly modules beside it.

import { copyFile, mkdir, rm } from "node:fs/promises";
import { basename } from "node:path";
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
for (const module of ["aria-storage/wasm", "aria-storage/wasm-simd"]) {
  const file = fileURLToPath(import.meta.resolve(module));
  await copyFile(file, `${dist}/${basename(file)}`);
}
