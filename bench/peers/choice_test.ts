import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { UsageError } from "../../scripts/flags.ts";
import { nanochatFolder } from "./nanochat.ts";
import { choose, labelOf } from "./run.ts";
import { eagerTorch } from "./torch.ts";

Deno.test("comparisons are chosen by what --list prints of them", () => {
  const all = choose({ device: "all", only: null });
  const [first] = all;
  assertEquals(choose({ device: "all", only: labelOf(first!) })[0], first);
  const some = choose({ device: "cpu", only: "decode" });
  assert(some.length > 0 && some.length < all.length);
  assert(some.every(({ device, name }) => device === "cpu" && name.includes("decode")));
});

Deno.test("a name that no comparison has is refused with the names there are", () => {
  const error = assertThrows(() => choose({ device: "webgpu", only: "nope" }), UsageError);
  assert(error.message.includes("webgpu: attention"), error.message);
  assert(error.message.endsWith('got "nope"'), error.message);
  assert(!error.message.includes("cpu: "), error.message);
});

Deno.test("a Python without PyTorch is named, and the flag that takes another", async () => {
  const start = () => eagerTorch([]).start({ nanochat: null, python: "no-such-python" });
  await assertRejects(
    start,
    Error,
    "no-such-python has no PyTorch (Debian: python3-torch; or --python",
  );
});

Deno.test("a checkout of nanochat is used only if its files are those of the commit", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(() => nanochatFolder(folder), Error, "got no file");
  await Deno.mkdir(`${folder}/nanochat`);
  await Deno.writeTextFile(`${folder}/nanochat/__init__.py`, "");
  await Deno.writeTextFile(`${folder}/nanochat/common.py`, "# changed\n");
  const error = await assertRejects(() => nanochatFolder(folder), Error, "got another");
  assert(error.message.includes(`${folder}/nanochat/common.py`), error.message);
  await Deno.remove(folder, { recursive: true });
});
