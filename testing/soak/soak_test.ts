import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { brokenTrials } from "./broken_trials.ts";
import { damage } from "./damage.ts";
import { Random } from "./random.ts";
import { mayRefuse } from "./refusal.ts";
import { soak } from "./soak.ts";

const script = new URL("broken_trials.ts", import.meta.url);

const run = (name: string, times: number, seed = 10) =>
  soak({
    script,
    seed,
    times,
    seconds: 0,
    memoryLimit: 300,
    trials: brokenTrials.filter((trial) => trial.name === name),
  });

Deno.test("a failure has the seed with which it happens again, and does not end the others", async () => {
  const { tallies, failures } = await run("fails", 1);
  assertEquals(tallies[0]!.tried, 1);
  const all = await soak({
    script,
    seed: 0,
    times: 30,
    seconds: Infinity,
    trials: brokenTrials.filter(({ name }) => ["passes", "fails"].includes(name)),
  });
  assertEquals(all.tallies.map(({ tried }) => tried), [30, 30]);
  assertEquals([...all.tallies[0]!.outcomes], [["well", 30]]);
  const seeds = all.failures.map(({ seed }) => seed);
  assert(seeds.length > 3 && seeds.length === all.tallies[1]!.failed, `${seeds}`);
  for (const seed of seeds.slice(0, 2)) {
    const again = await run("fails", 1, seed);
    assertEquals(again.failures.map(({ seed }) => seed), [seed]);
    assertStringIncludes(again.failures[0]!.error, "wanted another number, got 0");
  }
  assertEquals(seeds.includes(10), failures.length === 1);
});

for (
  const [name, error] of [
    ["hangs", "wanted an end within 3 s, got none"],
    ["crashes", "wanted a process that ends well, got code 7"],
    ["grows", "wanted at most 300 MiB of memory, got "],
  ] as const
) {
  Deno.test(`a trial that ${name} is a failure`, async () => {
    const { tallies, failures } = await run(name, 1);
    assertEquals([tallies[0]!.tried, tallies[0]!.failed], [1, 1]);
    assertEquals(failures.map(({ seed }) => seed), [10]);
    assertStringIncludes(failures[0]!.error, error);
  });
}

Deno.test("a soak that is stopped has the result of what was tried, and no failure of its own", async () => {
  const stopping = new AbortController();
  const { tallies, failures } = await soak({
    script,
    seed: 0,
    seconds: Infinity,
    trials: brokenTrials.filter(({ name }) => ["fails", "passes"].includes(name)).toReversed(),
    onFailure: () => stopping.abort(),
    signal: stopping.signal,
  });
  assert(tallies[0]!.tried > 0);
  assertEquals(tallies[1]!.tried, 0, "the next trial was not begun");
  assertEquals(failures.length, tallies[0]!.failed);
  for (const { error } of failures) assertStringIncludes(error, "wanted another number");
});

Deno.test("Ctrl-C ends a soak with its table", async () => {
  const args = ["--only", "files/GGUF", "--seed", "1", "--times", "1000000"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("main.ts", import.meta.url).href, ...args],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const errors = new Response(child.stderr).text();
  let printed = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (printed === "") child.kill("SIGINT");
    printed += text;
  }
  assertEquals((await child.status).code, 130, await errors);
  assertStringIncludes(printed, "trial       tried  failed");
  assertStringIncludes(printed, "\nfiles/GGUF ");
});

Deno.test("equal seeds damage alike, and different ones differently", () => {
  const good = new TextEncoder().encode("a file of some length, to be damaged");
  const of = (seed: number) => damage(good, new Random(seed)).join();
  assertEquals(of(5), of(5));
  const kinds = new Set(Array.from({ length: 50 }, (_, seed) => of(seed)));
  assert(kinds.size > 40, `${kinds.size}`);
  assertNotEquals(of(5), good.join());
});

Deno.test("a refusal is one line of words, and nothing that an engine says", async () => {
  const refuse = (message: string) => () => {
    throw new TypeError(message);
  };
  assertEquals(await mayRefuse(refuse("Cannot read a: wanted b, got undefined")), "refused");
  assertEquals(await mayRefuse(() => 1), "accepted");
  for (
    const message of [
      "Cannot read properties of undefined (reading 'x')",
      "x.map is not a function",
      "two\nlines",
      "",
    ]
  ) {
    await assertRejects(() => mayRefuse(refuse(message)), Error, "wanted a refusal in one line");
  }
});
