// What the client fetches, and what it makes of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { AriaClient } from "../dist/index.js";
import { insert, noise, publish, serve, wasm } from "./support.mjs";

const old = noise(400_000, 1);
const edited = insert(old, 150_000, noise(5_000, 2));
const zeros = Buffer.concat([Buffer.alloc(100_000), noise(20_000, 3), noise(20_000, 3)]);
const files = { old, edited, zeros, empty: Buffer.alloc(0), tiny: Buffer.from("x") };

let published;
let server;
let aria;

before(async () => {
  published = publish(files);
  server = await serve(published);
  aria = await AriaClient.open({ store: `${server.url}/store`, wasm });
});
after(() => server.close());

/** Forgets what was asked for before. */
const fresh = () => server.requests.splice(0);
const missing = (name, ...have) => {
  const there = new Set(have.flatMap((other) => published.ids[other]));
  return [...new Set(published.ids[name])].filter((id) => !there.has(id)).sort();
};

test("a cold fetch asks for every chunk once", async () => {
  fresh();
  const asset = await aria.fetch(`${server.url}/old.caibx`);
  assert.ok(old.equals(asset.bytes()));
  assert.deepEqual(server.asked().sort(), missing("old"));
  const { stats } = asset;
  assert.equal(stats.totalBytes, old.length);
  assert.equal(stats.fetchedBytes, old.length);
  assert.equal(stats.reusedBytes, 0);
  assert.equal(stats.requests, server.requests.length);
  const stored = server.asked().map((id) => published.chunks.get(`/store/${id.slice(0, 4)}/${id}.cacnk`).length);
  assert.equal(stats.transferredBytes, published.indexes.old.length + stored.reduce((sum, size) => sum + size, 0));
});

test("an asset is the seed of the next version", async () => {
  const seed = await aria.fetch(`${server.url}/old.caibx`);
  fresh();
  const asset = await aria.fetch(`${server.url}/edited.caibx`, { seeds: [seed] });
  assert.ok(edited.equals(asset.bytes()));
  assert.deepEqual(server.asked().sort(), missing("edited", "old"));
  assert.ok(asset.stats.fetchedChunks < 12 && asset.stats.fetchedChunks > 0);
  assert.equal(asset.stats.seedBytes + asset.stats.fetchedBytes, edited.length);
});

test("seeds by index bytes, by index URL, and without an index give the same", async () => {
  for (const index of [published.indexes.old, `${server.url}/old.caibx`, undefined]) {
    fresh();
    const seed = index === undefined ? { bytes: old } : { bytes: old, index };
    const asset = await aria.fetch(`${server.url}/edited.caibx`, { seeds: [seed] });
    assert.ok(edited.equals(asset.bytes()));
    assert.deepEqual(server.asked().sort(), missing("edited", "old"));
  }
});

test("a seed cut by the other chunker is recognised", async () => {
  const other = publish({ old, edited }, ["-m", "1:4:16", "--chunker", "fastcdc", "--digest", "sha512-256"]);
  const second = await serve(other);
  try {
    const client = await AriaClient.open({ store: `${second.url}/store/`, wasm });
    const asset = await client.fetch(`${second.url}/edited.caibx`, { seeds: [{ bytes: old }] });
    assert.ok(edited.equals(asset.bytes()));
    const there = new Set(other.ids.old);
    assert.deepEqual(second.asked().sort(), [...new Set(other.ids.edited)].filter((id) => !there.has(id)).sort());
  } finally {
    await second.close();
  }
});

test("what a damaged seed no longer has is fetched", async () => {
  const damaged = Buffer.from(old);
  damaged[300_000] ^= 1;
  fresh();
  const seeds = [{ bytes: damaged.subarray(0, 390_000), index: published.indexes.old }];
  const asset = await aria.fetch(`${server.url}/edited.caibx`, { seeds });
  assert.ok(edited.equals(asset.bytes()));
  assert.ok(asset.stats.damagedSeedChunks >= 2);
  assert.equal(server.asked().length, missing("edited", "old").length + asset.stats.damagedSeedChunks);
});

test("zeros and repeats cost nothing", async () => {
  fresh();
  const asset = await aria.fetch(`${server.url}/zeros.caibx`);
  assert.ok(zeros.equals(asset.bytes()));
  assert.ok(asset.stats.nullBytes >= 80_000, JSON.stringify(asset.stats));
  assert.ok(asset.stats.selfBytes > 10_000, JSON.stringify(asset.stats));
  assert.equal(new Set(server.asked()).size, server.asked().length);
});

test("empty and tiny assets", async () => {
  const empty = await aria.fetch(`${server.url}/empty.caibx`);
  assert.equal(empty.bytes().length, 0);
  assert.equal(empty.stats.totalChunks, 0);
  const tiny = await aria.fetch(published.indexes.tiny);
  assert.equal(Buffer.from(tiny.bytes()).toString(), "x");
});

test("progress ends at the whole and never goes back", async () => {
  const seen = [];
  await aria.fetch(`${server.url}/edited.caibx`, { seeds: [{ bytes: old }], onProgress: (p) => seen.push(p) });
  const last = seen.at(-1);
  assert.equal(last.doneBytes, edited.length);
  assert.equal(last.totalBytes, edited.length);
  assert.equal(last.doneChunks, last.totalChunks);
  seen.reduce((a, b) => (assert.ok(b.doneBytes >= a.doneBytes && b.transferredBytes >= a.transferredBytes), b));
});

test("the content as blob, stream and URL", async () => {
  const asset = await aria.fetch(`${server.url}/edited.caibx`);
  const blob = asset.blob("model/gltf-binary");
  assert.equal(blob.type, "model/gltf-binary");
  assert.ok(edited.equals(Buffer.from(await blob.arrayBuffer())));
  const pieces = [];
  for await (const piece of asset.stream()) pieces.push(piece);
  assert.ok(edited.equals(Buffer.concat(pieces)));
  const url = asset.url();
  assert.equal(asset.url(), url);
  assert.ok(edited.equals(Buffer.from(await (await fetch(url)).arrayBuffer())));
  asset.revoke();
  await assert.rejects(fetch(url));
});

test("a query of the store goes along with every chunk, headers with every request", async () => {
  fresh();
  const seen = [];
  server.rules.set("*", (request) => (seen.push(request.headers.authorization), false));
  const store = `${server.url}/store?sig=a%2Fb`;
  const client = await AriaClient.open({ store, wasm, headers: { Authorization: "Bearer t" } });
  await client.fetch(`${server.url}/tiny.caibx`);
  server.rules.delete("*");
  assert.match(server.requests.at(-1), /^\/store\/[0-9a-f]{4}\/[0-9a-f]{64}\.cacnk\?sig=a%2Fb$/);
  assert.deepEqual(seen, ["Bearer t", "Bearer t"]);
});
