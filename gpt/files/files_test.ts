import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  basePath,
  ensureWritableFolder,
  fileError,
  namesIn,
  removeTemporaries,
  writeFileAtomically,
  writeFilesTogether,
} from "./files.ts";

function withEnvironment(variables: Record<string, string | null>, test: () => void): void {
  const set = (name: string, value: string | null | undefined): void =>
    value === null || value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const former = Object.keys(variables).map((name): [string, string | undefined] => [
    name,
    Deno.env.get(name),
  ]);
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    test();
  } finally {
    for (const [name, value] of former) set(name, value);
  }
}

Deno.test("files lie below NANODINO_HOME, or else below the user's home", () => {
  withEnvironment({ NANODINO_HOME: "/data", HOME: "/home/ada" }, () => {
    assertEquals(basePath(), "/data");
    assertEquals(basePath("checkpoints", "d4"), "/data/checkpoints/d4");
  });
  for (const unset of [null, ""]) {
    withEnvironment({ NANODINO_HOME: unset, HOME: "/home/ada" }, () => {
      assertEquals(basePath("tokenizer"), "/home/ada/.cache/nanodino/tokenizer");
    });
    withEnvironment({ NANODINO_HOME: unset, HOME: unset, USERPROFILE: "C:/ada" }, () => {
      assertEquals(basePath(), "C:/ada/.cache/nanodino");
    });
  }
});

Deno.test("without any home the error says which variable to set", () => {
  withEnvironment({ NANODINO_HOME: null, HOME: null, USERPROFILE: null }, () => {
    assertThrows(() => basePath(), Error, "wanted NANODINO_HOME or HOME to be set, got neither");
  });
});

Deno.test({
  name: "without the permission to read the environment the error is one line that says so",
  permissions: { env: false },
  fn() {
    const { message } = assertThrows(() => basePath(), Error);
    assertStringIncludes(message, "Cannot read the environment variable NANODINO_HOME: Deno does");
    assertEquals(message.includes("\n"), false);
  },
});

Deno.test("a written file holds the content and leaves nothing beside it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/model.bin`;
  await writeFileAtomically(path, new Uint8Array([1, 2, 3]));
  await writeFileAtomically(path, "snow ☃");
  assertEquals(await Deno.readTextFile(path), "snow ☃");
  assertEquals(await namesIn(folder), ["model.bin"]);
});

Deno.test("a large file is written whole", async () => {
  const path = `${await Deno.makeTempDir()}/large.bin`;
  const content = Uint8Array.from({ length: 5_000_001 }, (_, i) => i % 251);
  await writeFileAtomically(path, content);
  assertEquals(await Deno.readFile(path), content);
});

Deno.test("a write that fails at the last moment changes nothing", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/taken`);
  await Deno.writeTextFile(`${folder}/taken/old`, "old");
  // A file cannot replace a folder, so the rename fails at the end.
  await assertRejects(
    () => writeFileAtomically(`${folder}/taken`, "new"),
    Error,
    `Cannot write ${folder}/taken: `,
  );
  assertEquals(await namesIn(folder), ["taken"]);
  assertEquals(await Deno.readTextFile(`${folder}/taken/old`), "old");
});

Deno.test("a write into a missing folder says so", async () => {
  const path = `${await Deno.makeTempDir()}/missing/model.bin`;
  await assertRejects(
    () => writeFileAtomically(path, "x"),
    Error,
    `Cannot write ${path}: there is no such file or folder`,
  );
});

Deno.test({
  name: "a write that Deno does not allow says which flag is missing",
  permissions: { write: false },
  async fn() {
    const { message } = await assertRejects(() => writeFileAtomically("model.bin", "x"), Error);
    assertStringIncludes(message, "Cannot write model.bin: Deno does not allow it");
    assertStringIncludes(message, "--allow-write");
    assertEquals(message.includes("\n"), false);
  },
});

Deno.test("a folder is created with its parents, and refused where a file is in the way", async () => {
  const folder = await Deno.makeTempDir();
  await ensureWritableFolder(`${folder}/a/b`);
  await ensureWritableFolder(`${folder}/a/b`);
  assertEquals(await namesIn(`${folder}/a/b`), []);
  await Deno.writeTextFile(`${folder}/file`, "");
  await assertRejects(
    () => ensureWritableFolder(`${folder}/file/c`),
    Error,
    `Cannot write to the folder ${folder}/file/c: `,
  );
});

Deno.test({
  name: "a full disk is called that",
  ignore: Deno.build.os !== "linux", // only there is a device that is always full
  async fn() {
    using file = await Deno.open("/dev/full", { write: true });
    const cause = await assertRejects(() => file.write(new Uint8Array([1])));
    const { message } = fileError("write", "model.safetensors", cause);
    assertEquals(message, "Cannot write model.safetensors: the disk is full");
  },
});

Deno.test("files that belong together are all written, or none of them is", async () => {
  const folder = await Deno.makeTempDir();
  await writeFilesTogether([[`${folder}/a`, "old a"], [`${folder}/b`, "old b"]]);
  await assertRejects(
    () => writeFilesTogether([[`${folder}/a`, "new a"], [`${folder}/b/below`, "new b"]]),
    Error,
    `Cannot write ${folder}/b/below`,
  );
  assertEquals(await namesIn(folder), ["a", "b"]);
  assertEquals(await Deno.readTextFile(`${folder}/a`), "old a");
});

Deno.test("only files of killed processes are removed", async () => {
  const folder = await Deno.makeTempDir();
  const left = `model.safetensors.${crypto.randomUUID()}.tmp`;
  for (const name of [left, "notes.tmp", "model.safetensors"]) {
    await Deno.writeTextFile(`${folder}/${name}`, "");
  }
  await removeTemporaries(folder);
  assertEquals(await namesIn(folder), ["model.safetensors", "notes.tmp"]);
  await removeTemporaries(`${folder}/none`);
});

Deno.test("files of living processes are not removed", async () => {
  const folder = await Deno.makeTempDir();
  const module = JSON.stringify(new URL("./files.ts", import.meta.url).href);
  const code = `import { ensureWritableFolder, writeFilesTogether } from ${module};
    const [folder, content] = [${JSON.stringify(folder)}, new Uint8Array(300_000)];
    for (let i = 0; i < 60; i++) {
      await ensureWritableFolder(folder);
      await writeFilesTogether([[folder + "/a", content], [folder + "/b", content]]);
    }`;
  const args = ["eval", "--quiet", "--no-config", code];
  const writer = new Deno.Command(Deno.execPath(), { args, stderr: "piped" }).spawn();
  let isOver = false;
  writer.status.then(() => isOver = true);
  while (!isOver) await removeTemporaries(folder);
  const stderr = await new Response(writer.stderr).text();
  assertEquals([(await writer.status).code, stderr], [0, ""]);
  assertEquals(await namesIn(folder), ["a", "b"]);
});

Deno.test({
  name: "names reach the disk in order: the last one when it has the others",
  ignore: Deno.build.os === "windows", // no folder can be synced there
  async fn() {
    const folder = await Deno.makeTempDir();
    const { rename } = Deno;
    const { sync } = Deno.FsFile.prototype;
    const seen: string[] = [];
    Deno.FsFile.prototype.sync = async function (this: Deno.FsFile) {
      seen.push((await this.stat()).isDirectory ? "sync folder" : "sync file");
      await sync.call(this);
    };
    Deno.rename = async (from, to) => {
      seen.push(`rename ${`${to}`.slice(folder.length + 1)}`);
      await rename(from, to);
    };
    try {
      await writeFilesTogether(["a", "b", "c"].map((name) => [`${folder}/${name}`, name]));
      assertEquals(seen, [
        ...["sync file", "sync file", "sync file"],
        ...["rename a", "rename b", "sync folder", "rename c", "sync folder"],
      ]);
    } finally {
      Deno.FsFile.prototype.sync = sync;
      Deno.rename = rename;
    }
  },
});
