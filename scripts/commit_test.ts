import { assertEquals } from "@std/assert";
import { toFileUrl } from "@std/path";
import { sourceCommit } from "./commit.ts";

const [first, second] = ["1".repeat(40), "2".repeat(40)];

Deno.test("the commit is found in a repository and in a worktree, and nowhere else", async () => {
  const folder = await Deno.makeTempDir();
  const root = (name: string) => toFileUrl(`${folder}/${name}/`);
  const write = async (path: string, text: string) => {
    const full = `${folder}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(full, `${text}\n`);
  };
  await write("main/.git/HEAD", "ref: refs/heads/main");
  await write("main/.git/refs/heads/main", first);
  assertEquals(await sourceCommit(root("main")), first);
  await write("main/.git/HEAD", second);
  assertEquals(await sourceCommit(root("main")), second);
  await write("main/.git/HEAD", "ref: refs/heads/packed");
  await write("main/.git/packed-refs", `# pack-refs\n${second} refs/heads/packed`);
  assertEquals(await sourceCommit(root("main")), second);
  await write("other/.git", `gitdir: ${folder}/main/.git/worktrees/other`);
  await write("main/.git/worktrees/other/HEAD", "ref: refs/heads/main");
  await write("main/.git/worktrees/other/commondir", "../..");
  assertEquals(await sourceCommit(root("other")), first);
  assertEquals(await sourceCommit(root("none")), null);
  assertEquals(await sourceCommit(new URL("https://example.com/")), null);
});
