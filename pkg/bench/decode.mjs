// How fast stored chunks become checked bytes in the built package, on one thread, without the network:
//
//     node pkg/bench/decode.mjs STORE INDEX [MODULE]
//
// reads all chunks of the index from the local store into memory, decodes them to their places in an output of the
// size of the target, in batches as the package does, and prints JSON: the bytes of the target, the seconds of a
// round (the median of several), and under `parts` those of single kinds of work. MODULE is the file of a module
// instead of the one that the package would choose here.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROUNDS = 7;

/** How many chunks are decoded together: what `concurrency` lets come at a time by default. */
const BATCH = 12;

const [store, index, given] = process.argv.slice(2);
if (index === undefined) {
  console.error("usage: node pkg/bench/decode.mjs STORE INDEX [MODULE]");
  process.exit(2);
}
const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const { Session, load, ownModule } = await import(join(dist, "module.js"));
const file = given ?? fileURLToPath(ownModule());
await load(readFileSync(file));

const session = new Session(readFileSync(index));
const chunks = Array.from({ length: session.chunkCount }, (_, number) => ({
  number,
  start: session.chunkStart(number),
  end: session.chunkStart(number + 1),
  stored: new Uint8Array(readFileSync(join(store, session.chunkPath(number)))),
}));
const output = new Uint8Array(session.size);

/** The kinds of work, each on all chunks. */
const work = {
  batches() {
    for (let at = 0; at < chunks.length; at += BATCH) {
      for (const { number, stored } of chunks.slice(at, at + BATCH)) session.addToBatch(number, stored);
      const wrong = session.finishBatch(output).find((error) => error !== undefined);
      if (wrong !== undefined) throw wrong;
    }
  },
  single() {
    for (const { number, start, stored } of chunks) session.decode(number, stored, output, start);
  },
  hash() {
    for (let at = 0; at < chunks.length; at += BATCH) {
      const group = chunks.slice(at, at + BATCH);
      const bytes = output.subarray(group[0].start, group.at(-1).end);
      if (session.damaged(at, group.length, bytes).length > 0) throw new Error("damaged");
    }
  },
};

/** The seconds that each kind of work took in each round. */
const taken = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, all] of Object.entries(work)) {
    const before = process.cpuUsage();
    all();
    // Processor time, as the native figures: what else the machine does is not in it.
    const { user, system } = process.cpuUsage(before);
    taken[name].push((user + system) / 1e6);
  }
}
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const seconds = Object.fromEntries(Object.entries(taken).map(([name, numbers]) => [name, median(numbers)]));
console.log(JSON.stringify({ bytes: session.size, seconds: seconds.batches, parts: seconds, module: file }));
