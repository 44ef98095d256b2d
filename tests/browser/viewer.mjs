// Drives the viewer in Chromium: version 1, the update to version 2, and what the server saw of it.
//
//   node viewer.mjs --url URL --aria PROGRAM --log ACCESS_LOG --versions FOLDER --pictures FOLDER

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { launch } from "./chromium.mjs";

const names = ["url", "aria", "log", "versions", "pictures"];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
for (const name of names) assert.ok(values[name], `--${name} is needed`);

/** The IDs of the chunks of a version. */
function chunks(version) {
  const index = join(values.versions, `${version}.caibx`);
  const list = execFileSync(values.aria, ["list-chunks", index], { encoding: "utf8", maxBuffer: 1 << 28 });
  return new Set(list.split("\n").filter(Boolean));
}

/** The chunks that the browser has asked the server for, repetitions included. */
function requested() {
  return readFileSync(values.log, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((entry) => entry.user_agent?.includes("Chrome") && entry.path.includes("/store/"))
    .map((entry) => /([0-9a-f]{64})\.cacnk/.exec(entry.path)[1]);
}

/** Waits until the log has as many requests as the page says it made: it is written a moment later. */
async function logged(count) {
  for (let tries = 0; tries < 100 && requested().length < count; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return requested();
}

/** That these requests are for exactly these chunks, each once. */
function assertExactly(requests, wanted, what) {
  assert.equal(new Set(requests).size, requests.length, `${what}: no chunk is fetched twice`);
  assert.deepEqual([...requests].sort(), [...wanted].sort(), `${what}: exactly the missing chunks are fetched`);
}

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  const reaches = (version) =>
    page.waitForFunction(
      (wanted) => document.body.dataset.version === wanted || document.body.dataset.state === "error",
      version,
      { timeout: 120_000 },
    );
  const stats = async () => JSON.parse(await page.evaluate(() => document.body.dataset.stats));
  const picture = async (name) => {
    // Two frames: what was asked to be drawn is drawn.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await page.screenshot({ path: join(values.pictures, name) });
  };

  await page.goto(values.url);
  await reaches("1");
  assert.equal(await page.textContent("#error"), "");
  const cold = await stats();
  await picture("viewer-1.png");
  const [one, two] = [chunks("1"), chunks("2")];
  const first = await logged(cold.fetchedChunks);
  assertExactly(first, one, "version 1");

  await page.click("#update");
  await reaches("2");
  assert.equal(await page.textContent("#error"), "");
  const warm = await stats();
  await picture("viewer-2.png");
  const all = await logged(cold.fetchedChunks + warm.fetchedChunks);
  const missing = [...two].filter((id) => !one.has(id));
  assertExactly(all.slice(first.length), missing, "version 2");
  assert.ok(missing.length > 0 && missing.length < two.size / 2, "most of version 2 is in version 1");
  assert.equal(warm.damagedSeedChunks, 0);
  assert.ok(await page.isDisabled("#update"), "there is no newer version");

  await page.setViewportSize({ width: 390, height: 844 });
  await picture("viewer-2-phone.png");
  assert.deepEqual(faults, [], "the page reports no faults");
  const saved = (100 - (100 * warm.transferredBytes) / warm.totalBytes).toFixed(1);
  console.log(`version 1: ${cold.fetchedChunks} chunks, ${cold.transferredBytes} bytes over the network`);
  console.log(`version 2: ${warm.fetchedChunks} chunks, ${warm.transferredBytes} bytes, saved ${saved} %`);
  console.log(`pictures: ${join(values.pictures, "viewer-{1,2,2-phone}.png")}`);
} finally {
  await browser.close();
}
