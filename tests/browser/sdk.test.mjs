// The package in a page: as a plain module script, under a strict content security policy, with the store on
// another origin (served by `aria serve`).

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { insert, noise } from "../../pkg/test/support.mjs";
import { browserIsThere, launch } from "./chromium.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "pkg", "dist");
const aria = process.env.ARIA ?? join(root, "target", "debug", "aria");
const there = browserIsThere();

const one = noise(3_000_000, 21);
const two = insert(one, 1_000_000, noise(10_000, 22));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:*";
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

let folder;
let store;
let storeUrl;
let pages;
let browser;
let page;

before(async () => {
  if (!there) return;
  folder = mkdtempSync(join(tmpdir(), "aria-browser-"));
  for (const [name, bytes] of Object.entries({ one, two })) {
    writeFileSync(join(folder, name), bytes);
    const args = ["publish", join(folder, name), "--name", "asset", "-o", join(folder, "site"), "-m", "1:4:16"];
    execFileSync(aria, args, { stdio: "pipe" });
  }
  const log = join(folder, "access.log");
  store = spawn(aria, ["serve", join(folder, "site"), "-l", "127.0.0.1:0", "--log", log, "--log-format", "json"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface(store.stderr)) {
    storeUrl = line.split(" on ")[1];
    break;
  }
  pages = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const body = path === "/" ? "<!doctype html><meta charset=utf-8><title>page</title>" : file(join(dist, path));
    response.writeHead(body === undefined ? 404 : 200, {
      "Content-Type": TYPES[extname(path)] ?? "text/html",
      "Content-Security-Policy": POLICY,
    });
    response.end(body);
  });
  await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
});

after(async () => {
  await browser?.close();
  pages?.closeAllConnections();
  pages?.close();
  store?.kill();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

function file(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The chunk requests that the store has seen. */
function asked() {
  const lines = readFileSync(join(folder, "access.log"), "utf8").split("\n").filter(Boolean);
  return lines.flatMap((line) => /([0-9a-f]{64})\.cacnk/.exec(JSON.parse(line).path)?.[1] ?? []);
}

const chunks = (version) =>
  execFileSync(aria, ["list-chunks", join(folder, "site", "versions", "asset", `${version}.caibx`)], { encoding: "utf8" })
    .split("\n")
    .filter(Boolean);

test("cold and update, verified in the page, only missing chunks", { skip: !there }, async () => {
  const result = await page.evaluate(async (url) => {
    const { AriaClient } = await import("/index.js");
    const client = await AriaClient.open({ store: `${url}store` });
    const hash = async (asset) => {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", asset.bytes()));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    };
    const old = await client.fetch(`${url}versions/asset/1.caibx`);
    const bare = { bytes: old.bytes() };
    const updated = await client.fetch(`${url}asset.caibx`, { seeds: [bare] });
    return { old: await hash(old), updated: await hash(updated), stats: updated.stats };
  }, storeUrl);
  assert.equal(result.old, sha256(one));
  assert.equal(result.updated, sha256(two));
  const [first, second] = [new Set(chunks(1)), new Set(chunks(2))];
  const wanted = [...first, ...[...second].filter((id) => !first.has(id))];
  for (let tries = 0; tries < 100 && asked().length < wanted.length; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(asked().sort(), wanted.sort());
  assert.equal(result.stats.fetchedChunks, wanted.length - first.size);
  assert.ok(result.stats.transferredBytes < two.length / 10);
});

test("aborting in the middle", { skip: !there }, async () => {
  const code = await page.evaluate(async (url) => {
    const { AriaClient } = await import("/index.js");
    const client = await AriaClient.open({ store: `${url}store`, concurrency: 2 });
    const abort = new AbortController();
    try {
      await client.fetch(`${url}asset.caibx`, {
        signal: abort.signal,
        onProgress: ({ doneChunks }) => doneChunks > 5 && abort.abort(),
      });
    } catch (error) {
      return error.code;
    }
  }, storeUrl);
  assert.equal(code, "aborted");
});

test("a store that is not there, seen from a page", { skip: !there }, async () => {
  const code = await page.evaluate(async (url) => {
    const { AriaClient } = await import("/index.js");
    const client = await AriaClient.open({ store: "http://127.0.0.1:1/store", retries: 0 });
    return client.fetch(`${url}asset.caibx`).catch((error) => error.code);
  }, storeUrl);
  assert.equal(code, "unreachable");
});
