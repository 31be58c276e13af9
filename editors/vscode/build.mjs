// Bundles the extension and the page of its explanation panel into dist/, with the licences of what is bundled.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const minify = process.argv.includes("--minify");
const common = { bundle: true, minify, sourcemap: false, metafile: true, logLevel: "warning" };

const extension = await build({
  ...common,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.cjs",
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
});
await build({
  ...common,
  entryPoints: ["src/page/page.ts"],
  outfile: "dist/page.js",
  format: "iife",
  target: "es2022",
});
await copyFile("src/page/page.css", "dist/page.css");
await copyFile("../../LICENSE", "LICENSE");
await mkdir("../../build/vscode", { recursive: true }); // the package goes there, and vsce makes no folder for it
await writeFile("dist/NOTICES.txt", await notices(Object.keys(extension.metafile.inputs)));

/** The licence of every package that one of the files comes from: they ask to travel with their code. */
async function notices(files) {
  const packages = new Set(files.map((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0]).filter(Boolean));
  const parts = [];
  for (const folder of [...packages].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    parts.push(`${name} ${version} (${license})\n\n${await licence(folder)}`);
  }
  return parts.join(`\n${"-".repeat(80)}\n`);
}

async function licence(folder) {
  for (const name of ["LICENSE", "LICENSE.md", "LICENSE.txt", "License.txt", "LICENSE-MIT.txt"]) {
    const text = await readFile(`${folder}/${name}`, "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new Error(`${folder} has no licence file that this build knows; add its name to the list`);
}
