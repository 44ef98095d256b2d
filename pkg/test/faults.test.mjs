// What goes wrong, and what the client makes of it: an error with the right code, or a second try.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { AriaClient, AriaError } from "../dist/index.js";
import { chunkPath, noise, publish, serve, wasm } from "./support.mjs";

const data = noise(120_000, 9);
let published;
let server;
let victim;

before(async () => {
  published = publish({ data });
  server = await serve(published);
  victim = chunkPath(published.ids.data[3]);
});
after(() => server.close());
afterEach(() => {
  server.rules.clear();
  server.requests.splice(0);
});

const open = (options = {}) =>
  AriaClient.open({ store: `${server.url}/store`, wasm, retryBaseMs: 5, stallTimeoutMs: 300, retries: 2, ...options });

/** Fetches; expects an error with this code, that names the chunk if there is one, and nothing left running. */
async function fails(code, { chunk = true, options = {}, index = `${server.url}/data.caibx`, fetch = {} } = {}) {
  const aria = await open(options);
  const error = await aria.fetch(index, fetch).then(
    () => assert.fail("the fetch went through"),
    (error) => error,
  );
  assert.ok(error instanceof AriaError, String(error));
  assert.equal(error.code, code, error.message);
  assert.equal(error.chunk, chunk ? published.ids.data[3] : undefined);
  if (chunk) assert.ok(error.message.includes(published.ids.data[3]), error.message);
  // What was on its way already arrives yet.
  await sleep(100);
  const asked = server.requests.length;
  await sleep(200);
  assert.equal(server.open(), 0, "no request is left running");
  assert.equal(server.requests.length, asked, "no request is made any more");
  return error;
}

/** Fetches, and it goes through in spite of everything. */
async function goesThrough(options = {}) {
  const aria = await open(options);
  const asset = await aria.fetch(`${server.url}/data.caibx`);
  assert.ok(data.equals(asset.bytes()));
  return asset;
}

const answer = (status, body, headers = {}) => (_, response) => {
  response.writeHead(status, headers);
  response.end(body);
};
const times = () => server.requests.filter((url) => url === victim).length;

test("a missing chunk is not tried again", async () => {
  server.rules.set(victim, answer(404));
  await fails("missing");
  assert.equal(times(), 1);
});

test("a refusal is not tried again", async () => {
  server.rules.set(victim, answer(403));
  await fails("refused");
  assert.equal(times(), 1);
});

test("a failing server is tried again, then unreachable", async () => {
  server.rules.set(victim, answer(503));
  await fails("unreachable");
  assert.equal(times(), 3);
});

test("a failure that passes is no error", async () => {
  server.rules.set(victim, (_, response, count) => count <= 2 && answer(500)(_, response));
  const asset = await goesThrough();
  assert.equal(times(), 3);
  assert.equal(asset.stats.requests, server.requests.length);
});

test("Retry-After is waited for, and refused if it is too long", async () => {
  let first = 0;
  let gap = 0;
  server.rules.set(victim, (_, response, count) => {
    if (count > 1) {
      gap = Date.now() - first;
      return false;
    }
    first = Date.now();
    return answer(429, "", { "Retry-After": "1" })(_, response);
  });
  await goesThrough();
  assert.ok(gap >= 950, `came back after ${gap} ms`);
  server.rules.set(victim, answer(429, "", { "Retry-After": "3600" }));
  server.requests.splice(0);
  await fails("unreachable");
  assert.equal(times(), 1);
});

test("a body that ends early is tried again, then truncated", async () => {
  const body = published.chunks.get(victim);
  const cut = (_, response) => {
    response.writeHead(200, { "Content-Length": body.length });
    response.write(body.subarray(0, 100), () => response.destroy());
  };
  server.rules.set(victim, cut);
  await fails("truncated");
  assert.equal(times(), 3);
  server.requests.splice(0);
  server.rules.set(victim, (_, response, count) => count <= 2 && cut(_, response));
  await goesThrough();
});

test("a chunk that is stored short is truncated", async () => {
  server.rules.set(victim, answer(200, published.chunks.get(victim).subarray(0, 500)));
  await fails("truncated");
  assert.equal(times(), 2, "once more past the caches on the way");
});

test("a damaged chunk is corrupt, but not if it is right the second time", async () => {
  const other = published.chunks.get(chunkPath(published.ids.data[4]));
  server.rules.set(victim, answer(200, other));
  await fails("corrupt");
  assert.equal(times(), 2);
  server.requests.splice(0);
  server.rules.set(victim, (_, response, count) => count === 1 && answer(200, other)(_, response));
  await goesThrough();
});

test("a web page in place of a chunk is corrupt", async () => {
  server.rules.set(victim, answer(200, "<!doctype html><title>Sign in</title>", { "Content-Type": "text/html" }));
  const error = await fails("corrupt");
  assert.match(error.message, /web page/);
});

test("a chunk without end is cut off", async () => {
  server.rules.set(victim, (_, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(noise(65536, 5)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  await fails("corrupt");
});

test("a connection that stalls is given up", async () => {
  server.rules.set(victim, (_, response) => {
    response.writeHead(200, { "Content-Length": 5000 });
    response.write("x");
  });
  await fails("unreachable", { options: { retries: 1 } });
  assert.equal(times(), 2);
});

test("a server that is not there is unreachable", async () => {
  const gone = await serve(published);
  await gone.close();
  await fails("unreachable", { chunk: false, index: `${gone.url}/data.caibx` });
});

test("indexes that are none", async () => {
  const index = published.indexes.data;
  const of = (body) => server.rules.set("/data.caibx", answer(200, body));
  const flipped = Buffer.from(index);
  flipped[16] ^= 0xff;
  for (const [body, code] of [
    ["<html>Not found</html> and some more text", "not-an-index"],
    [index.subarray(0, 30), "truncated"],
    [index.subarray(0, index.length - 40), "truncated"],
    [Buffer.concat([index, Buffer.from("x")]), "invalid-index"],
    [flipped, "invalid-index"],
  ]) {
    of(body);
    const error = await fails(code, { chunk: false });
    assert.ok(error.message.includes("/data.caibx"), error.message);
  }
  server.rules.set("/data.caibx", answer(404));
  await fails("missing", { chunk: false });
});

test("an index for the other digest is called that", async () => {
  const index = Buffer.from(published.indexes.data);
  index[23] ^= 0x20;
  server.rules.set("/data.caibx", answer(200, index));
  const aria = await open();
  await assert.rejects(aria.fetch(`${server.url}/data.caibx`), { code: "wrong-digest" });
});

test("aborting stops everything at once", async () => {
  let started;
  const reached = new Promise((resolve) => (started = resolve));
  server.rules.set(victim, (_, response) => {
    response.writeHead(200, { "Content-Length": 5000 });
    response.write("x");
    started();
  });
  const abort = new AbortController();
  reached.then(() => abort.abort(new Error("enough")));
  const options = { stallTimeoutMs: 60_000 };
  const error = await fails("aborted", { chunk: false, options, fetch: { signal: abort.signal } });
  assert.equal(error.cause.message, "enough");
  const aria = await open();
  await assert.rejects(aria.fetch(`${server.url}/data.caibx`, { signal: abort.signal }), { code: "aborted" });
});

test("wrong arguments", async () => {
  await assert.rejects(open({ concurrency: 0 }), { code: "usage" });
  await assert.rejects(open({ store: "http://[" }), { code: "usage" });
});
