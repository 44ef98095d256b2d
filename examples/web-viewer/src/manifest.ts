// The manifest of a published folder: which assets there are, in which versions.

import { PageError } from "./errors.js";

export interface AssetVersion {
  version: string;
  index: string;
  size: number;
}

interface Manifest {
  format: number;
  store: string;
  assets: Record<string, { latest: string; versions: AssetVersion[] }>;
}

/** What the page shows: an asset with its versions, oldest first. */
export interface Published {
  name: string;
  store: URL;
  versions: { version: string; index: URL }[];
}

/** Reads the manifest at `url` and picks an asset, the first if none is named. */
export async function readManifest(url: URL, asset: string | null): Promise<Published> {
  const manifest = await load(url);
  if (manifest.format !== 1) {
    throw new PageError("This page cannot read the manifest.", `${url.href} has format ${manifest.format}, not 1`);
  }
  const name = asset ?? Object.keys(manifest.assets)[0];
  if (name === undefined) throw new PageError("Nothing has been published here yet.", url.href);
  const found = Object.hasOwn(manifest.assets, name) ? manifest.assets[name] : undefined;
  if (found === undefined) throw new PageError(`There is no model “${name}” here.`, url.href);
  return {
    name,
    store: new URL(manifest.store, url),
    versions: found.versions.map(({ version, index }) => ({ version, index: new URL(index, url) })),
  };
}

async function load(url: URL): Promise<Manifest> {
  let response: Response;
  try {
    response = await fetch(url, { cache: "no-cache" });
  } catch (cause) {
    throw new PageError("The server cannot be reached.", url.href, { cause });
  }
  if (!response.ok) throw new PageError("The manifest cannot be loaded.", `${url.href}: status ${response.status}`);
  try {
    return (await response.json()) as Manifest;
  } catch (cause) {
    throw new PageError("What the server sent is not a manifest.", url.href, { cause });
  }
}
