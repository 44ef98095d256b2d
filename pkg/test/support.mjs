// What the tests share: published data, a server that can misbehave, the module from the built package.

import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The aria program: $ARIA, or what cargo build makes. */
const aria = process.env.ARIA ?? join(root, "target", "debug", "aria");

/** The WebAssembly module of the built package. Node.js cannot fetch file URLs. */
export const wasm = readFileSync(join(root, "pkg", "dist", "aria_storage_wasm_bg.wasm"));

/** Bytes that look random and are always the same. */
export function noise(length, seed) {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** `bytes` with `inserted` at `at`. */
export function insert(bytes, at, inserted) {
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
}

/**
 * Chunks files into one store. Gives the index of each (its bytes), the stored chunks by path, and the list of
 * each one's chunk IDs.
 */
export function publish(files, args = ["-m", "1:4:16"]) {
  const folder = mkdtempSync(join(tmpdir(), "aria-pkg-"));
  try {
    mkdirSync(join(folder, "store"));
    const indexes = {};
    const ids = {};
    for (const [name, bytes] of Object.entries(files)) {
      const [file, index] = [join(folder, name), join(folder, `${name}.caibx`)];
      writeFileSync(file, bytes);
      execFileSync(aria, ["make", "--store", join(folder, "store"), ...args, index, file], { stdio: "pipe" });
      indexes[name] = readFileSync(index);
      ids[name] = execFileSync(aria, ["list-chunks", index], { encoding: "utf8" }).split("\n").filter(Boolean);
    }
    const chunks = new Map();
    for (const prefix of readdirSync(join(folder, "store"))) {
      for (const name of readdirSync(join(folder, "store", prefix))) {
        chunks.set(`/store/${prefix}/${name}`, readFileSync(join(folder, "store", prefix, name)));
      }
    }
    return { indexes, ids, chunks };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The path of a chunk on the server. */
export const chunkPath = (id) => `/store/${id.slice(0, 4)}/${id}.cacnk`;

/**
 * Serves indexes (`/NAME.caibx`) and chunks. `rules` maps a path to a function (request, response, count) that
 * answers in place of the server, or gives false to let it; `count` is how often the path was asked for.
 */
export async function serve({ indexes, chunks }) {
  const rules = new Map();
  const requests = [];
  let open = 0;
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    requests.push(request.url);
    open++;
    response.on("close", () => open--);
    const count = requests.filter((url) => new URL(url, "http://localhost").pathname === path).length;
    const rule = rules.get(path) ?? rules.get("*");
    if (rule !== undefined && rule(request, response, count) !== false) return;
    const body = chunks.get(path) ?? indexes[path.slice(1).replace(/\.caibx$/, "")];
    response.writeHead(body === undefined ? 404 : 200);
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    rules,
    requests,
    /** Answers that are not finished. */
    open: () => open,
    /** The chunks that were asked for, repetitions included. */
    asked: () => requests.flatMap((url) => /([0-9a-f]{64})\.cacnk/.exec(url)?.[1] ?? []),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
