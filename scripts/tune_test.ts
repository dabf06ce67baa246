import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { adapterTest } from "../testing/gpu.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const small = "--depth 1 --vocab-size 64 --max-seq-len 16 --device-batch-size 1".split(" ");

adapterTest("tune times products once, shows what is taken, and lets it be forced", async (t) => {
  const home = await Deno.makeTempDir();
  const tune = async (...args: string[]) => {
    const { code, stdout, stderr } = await runScript("tune.ts", args, home);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout;
  };
  let class_ = "";
  await t.step("the choices are printed as they are made, and kept", async () => {
    assertStringIncludes(await tune("--show"), "Nothing was timed yet.");
    const printed = await tune(...small);
    assertMatch(printed, /^Timed \d+ classes in [\d.:]+ ?s?; kept in .*\.json$/m);
    assertStringIncludes(await tune(...small), "Everything was timed before");
    const shown = await tune("--show");
    [class_ = ""] = /^float32 .*$/m.exec(shown) ?? [];
    assert(class_ !== "" && printed.includes(class_), shown);
  });
  await t.step("a way is forced for one class, and for all products", async () => {
    await tune("--force", "rows", "--class", class_);
    const shown = await tune("--show", "--force", "staged 8×8 by 8×8");
    assertStringIncludes(shown, `${class_}\n  rows (forced)`);
    assertStringIncludes(shown, 'All products are computed by "staged 8×8 by 8×8".');
  });
  await t.step("everything is forgotten when it is cleared", async () => {
    assertStringIncludes(await tune("--clear", "--show"), "Nothing was timed yet.");
  });
  await t.step("flags that make no sense end with one line that says so", async () => {
    const refused: [string[], string][] = [
      [["--force", "best"], "Cannot use --force: wanted one of naive, "],
      [["--class", "float32"], "Cannot use --class: wanted --force with it, got none"],
    ];
    for (const [args, message] of refused) {
      const { code, stderr } = await runScript("tune.ts", args, home);
      assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
      assertStringIncludes(stderr, message);
    }
  });
});

adapterTest("a training run on WebGPU times its products after the first step, once", async () => {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const train = async (...args: string[]) => {
    const flags = [...tinyFlags, "--num-iterations", "3", "--device", "webgpu", "--data", corpus]
      .concat("--overwrite");
    const { code, stdout, stderr } = await runScript("base_train.ts", [...flags, ...args], home);
    assertEquals([code, stderr], [0, ""]);
    return stdout;
  };
  assert(!(await train("--no-tune")).includes("Timed"));
  assertMatch(await train(), /^Timed \d+ classes of matrix products in .*; kept in .*\.json$/m);
  assert(!(await train()).includes("Timed"));

  const [file] = await Array.fromAsync(Deno.readDir(`${home}/tuning`));
  await Deno.writeTextFile(`${home}/tuning/${file!.name}`, "{");
  assertMatch(await train(), /^Ignoring .*\.json: /m);
});
