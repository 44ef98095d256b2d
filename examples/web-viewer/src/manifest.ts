// The manifest of a published folder: which assets there are, in which versions.

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
  const response = await fetch(url, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${url.href}: the server answered ${response.status}`);
  const manifest = (await response.json()) as Manifest;
  if (manifest.format !== 1) throw new Error(`${url.href} has format ${manifest.format}; this page reads format 1`);
  const name = asset ?? Object.keys(manifest.assets)[0];
  const found = name === undefined ? undefined : manifest.assets[name];
  if (name === undefined || found === undefined) throw new Error(`${url.href} has no asset ${name ?? ""}`);
  return {
    name,
    store: new URL(manifest.store, url),
    versions: found.versions.map(({ version, index }) => ({ version, index: new URL(index, url) })),
  };
}
