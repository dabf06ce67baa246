import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { gpuTest } from "../../testing/gpu.ts";
import { matmul, matmulChoices, noGrad, Tensor, type WebGpuDevice } from "../../tensor/mod.ts";
import {
  loadMatmulChoices,
  matmulChoicesPath,
  saveMatmulChoices,
  tuneAndKeepMatmuls,
} from "./matmul_tuning.ts";

/** Runs something while the user's files lie in an empty folder. */
async function inEmptyHome(run: (home: string) => Promise<void>): Promise<void> {
  const before = Deno.env.get("NANODINO_HOME");
  const home = await Deno.makeTempDir();
  Deno.env.set("NANODINO_HOME", home);
  try {
    await run(home);
  } finally {
    if (before === undefined) Deno.env.delete("NANODINO_HOME");
    else Deno.env.set("NANODINO_HOME", before);
    await Deno.remove(home, { recursive: true });
  }
}

function multiply(device: WebGpuDevice, size: number): void {
  using _scope = device.scope();
  const x = Tensor.ones(device, [size, size]);
  noGrad(() => matmul(x, x));
}

gpuTest("what was timed in one run is known in the next", async (device) => {
  await inEmptyHome(async (home) => {
    assertEquals(await loadMatmulChoices(device), null);
    multiply(device, 24);
    const kept = await tuneAndKeepMatmuls(device);
    if (kept === null) throw new Error("expected that something was timed");
    assertEquals([kept.classes, kept.left, kept.problem], [1, 0, null]);
    assert(kept.path.startsWith(`${home}/tuning/`));
    assertMatch(kept.path, /\/[a-z0-9._]+\.json$/);
    assertEquals(await tuneAndKeepMatmuls(device), null);
    const { choices } = matmulChoices(device);

    matmulChoices(device).clear();
    assertEquals(await loadMatmulChoices(device), null);
    assertEquals(matmulChoices(device).choices, choices);
    multiply(device, 24);
    assertEquals(matmulChoices(device).newClasses, []);
    assertEquals((await Array.fromAsync(Deno.readDir(`${home}/tuning`))).length, 1);
  });
});

gpuTest("a file that makes no sense is ignored, with one line that says why", async (device) => {
  await inEmptyHome(async () => {
    const path = await saveMatmulChoices(device);
    const refused = {
      '{"format":"nanodino matmul choices","version":0}': "got version 0",
      "[1, 2": "JSON",
      "": "JSON",
      "3": "got something else",
    };
    for (const [content, reason] of Object.entries(refused)) {
      await Deno.writeTextFile(path, content);
      const note = await loadMatmulChoices(device);
      if (note === null) throw new Error("expected a note");
      assert(note.startsWith(`Ignoring ${path}: `), note);
      assertStringIncludes(note, reason);
      assertEquals(note.split("\n").length, 1);
    }
    assertEquals(matmulChoices(device).choices, []);
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertMatch(await loadMatmulChoices(device) ?? "", /^Ignoring .*: Cannot read /);
  });
});

gpuTest("choices hold for the run where they cannot be kept", async (device) => {
  await inEmptyHome(async (home) => {
    await Deno.writeTextFile(`${home}/tuning`, "a file is in the way");
    multiply(device, 24);
    const kept = await tuneAndKeepMatmuls(device);
    assertStringIncludes(kept?.problem ?? "", "Cannot write to the folder");
    assertEquals(matmulChoices(device).choices.length, 1);
    assertEquals(matmulChoicesPath(device), kept?.path);
  });
});
