// The page: shows the first version of a model, updates it to the next by its missing chunks.
//
// `?manifest=URL` names the published folder's manifest, `?asset=NAME` the asset. What the page is doing is
// also in `data-state`, `data-version` and `data-stats` of the body, for those who watch it by program.

import { AriaClient, AriaError, type AriaAsset, type Progress, type Stats } from "aria-storage";

import { explain } from "./errors.js";
import { readManifest } from "./manifest.js";
import { Stage } from "./scene.js";

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}

const update = element<HTMLButtonElement>("update");
const cancel = element<HTMLButtonElement>("cancel");
const canvas = element<HTMLCanvasElement>("scene");

function bytes(count: number): string {
  if (count < 1000) return `${count} bytes`;
  const units = ["kB", "MB", "GB"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

function state(name: "loading" | "ready" | "updating" | "error"): void {
  document.body.dataset["state"] = name;
}

function showProgress(progress: Progress): void {
  const percent = progress.totalBytes === 0 ? 100 : (100 * progress.doneBytes) / progress.totalBytes;
  element("bar").style.width = `${percent}%`;
  element("progress").setAttribute("aria-valuenow", percent.toFixed(0));
  element("doing").textContent =
    `${bytes(progress.doneBytes)} of ${bytes(progress.totalBytes)}, ${bytes(progress.transferredBytes)} over the network`;
}

/** Empties the progress bar: nothing is under way. */
function showNothing(): void {
  element("bar").style.width = "0";
  element("progress").setAttribute("aria-valuenow", "0");
  element("doing").textContent = "\u00a0";
}

/** What is shown now. */
function current(): string {
  const version = document.body.dataset["version"];
  return version === undefined ? "Not loaded" : `Version ${version}`;
}

function showResult(stats: Stats, seconds: number): void {
  const saved = stats.totalBytes === 0 ? 100 : Math.max(0, 100 - (100 * stats.transferredBytes) / stats.totalBytes);
  element("saved").textContent =
    `Fetched ${bytes(stats.transferredBytes)} of ${bytes(stats.totalBytes)}, saved ${saved.toFixed(1)} %`;
  const parts = [
    ["seed", stats.seedBytes],
    ["fetched", stats.fetchedBytes],
    ["other", stats.totalBytes - stats.seedBytes - stats.fetchedBytes],
  ] as const;
  element("split").replaceChildren(
    ...parts
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => {
        const part = document.createElement("span");
        part.dataset["kind"] = kind;
        part.style.flexGrow = String(count);
        return part;
      }),
  );
  const facts = [
    ["From the old version", bytes(stats.seedBytes)],
    ["Fetched, decompressed", bytes(stats.fetchedBytes)],
    ["Chunks fetched", `${stats.fetchedChunks} of ${stats.totalChunks}`],
    ["Requests", String(stats.requests)],
    ["Time", `${seconds.toFixed(2)} s`],
  ];
  element("facts").replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const [term, definition] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name ?? "";
      definition.textContent = value ?? "";
      return [term, definition];
    }),
  );
  element("result").hidden = false;
}

function showError(error: unknown): void {
  const { sentence, detail } = explain(error);
  const strong = document.createElement("strong");
  strong.textContent = sentence;
  element("error").replaceChildren(strong, " ", detail);
  element("error").hidden = false;
  element("version").textContent = current();
  state("error");
}

async function main(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const published = await readManifest(
    new URL(query.get("manifest") ?? "assets/manifest.json", location.href),
    query.get("asset"),
  );
  element("name").textContent = published.name;
  document.title = `${published.name} – aria viewer`;
  const stage = new Stage(canvas, element("panel"));
  const aria = await AriaClient.open({ store: published.store });
  let shown: AriaAsset | undefined;
  let next = 0;

  /** Fetches the next version, with the one that is shown as its seed, and shows it. */
  const advance = async (): Promise<void> => {
    const version = published.versions[next];
    if (version === undefined) return;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    cancel.addEventListener("click", stop);
    // Whoever works with the keyboard goes on where the button was that is no longer there.
    const byKeyboard = document.activeElement === update;
    cancel.hidden = false;
    if (byKeyboard) cancel.focus();
    update.disabled = true;
    element("error").hidden = true;
    element("error").replaceChildren();
    element("version").textContent = shown === undefined ? "Loading …" : `Updating to version ${version.version} …`;
    state(shown === undefined ? "loading" : "updating");
    const started = performance.now();
    try {
      const seeds = shown === undefined ? [] : [shown];
      const asset = await aria.fetch(version.index, { signal: abort.signal, onProgress: showProgress, seeds });
      const seconds = (performance.now() - started) / 1000;
      await stage.show(asset.bytes());
      shown = asset;
      next++;
      document.body.dataset["version"] = version.version;
      element("version").textContent = current();
      showResult(asset.stats, seconds);
      document.body.dataset["stats"] = JSON.stringify(asset.stats);
      state("ready");
    } catch (error) {
      if (error instanceof AriaError && error.code === "aborted") {
        element("version").textContent =
          shown === undefined ? "Not loaded, cancelled" : `${current()}, the update was cancelled`;
        showNothing();
        state("ready");
      } else {
        showNothing();
        showError(error);
      }
    } finally {
      cancel.removeEventListener("click", stop);
      const focused = document.activeElement === cancel;
      cancel.hidden = true;
      const following = published.versions[next]?.version;
      update.disabled = following === undefined;
      const verb = shown === undefined ? "Load" : "Update to";
      update.textContent = following === undefined ? "This is the newest version" : `${verb} version ${following}`;
      if (focused) (update.disabled ? canvas : update).focus();
    }
  };
  update.addEventListener("click", () => void advance());
  await advance();
}

main().catch(showError);
