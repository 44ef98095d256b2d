// The demo's model is valid glTF, by Khronos's validator.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import validator from "gltf-validator";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("gltf-validator finds no fault in either version", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aria-model-"));
  try {
    execFileSync(process.env.CARGO ?? "cargo", ["run", "--quiet", "-p", "aria-demo-model", "--", folder], { cwd: root });
    for (const version of [1, 2]) {
      const bytes = new Uint8Array(readFileSync(join(folder, `model-${version}.glb`)));
      assert.ok(bytes.length > 10_000_000 && bytes.length < 30_000_000);
      const { issues, info } = await validator.validateBytes(bytes);
      assert.equal(issues.numErrors, 0, JSON.stringify(issues.messages.slice(0, 5)));
      assert.equal(issues.numWarnings, 0, JSON.stringify(issues.messages.slice(0, 5)));
      assert.ok(info.drawCallCount > 100);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
