import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { taskCommand } from "./testing/run_script.ts";

Deno.test("the tasks that take pictures have --help, and say what they lack", async () => {
  for (const task of ["site:shots", "chat:shots"]) {
    const home = await Deno.makeTempDir();
    const decoder = new TextDecoder();
    const help = await taskCommand(task, ["--help"], home).output();
    assertEquals(help.code, 0, decoder.decode(help.stderr));
    assertMatch(decoder.decode(help.stdout), new RegExp(`^Usage: deno task ${task} `, "m"));
    const bare = await taskCommand(task, [], home).output();
    assertEquals(bare.code, 2);
    assertStringIncludes(decoder.decode(bare.stderr), "wanted --output, got none");
  }
});
