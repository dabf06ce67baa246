import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** Words that are never right here, and what to write instead; CONTRIBUTING.md has more. */
const WORDS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\banew\b/, "again, or a new one"],
  [/\bso unless\b/, "@default"],
  [/\bcan be told\b/, "options for"],
  [/\bwhat there is to\b/i, "work"],
  [/\bhand(ed|s|ing)? in\b/, "submit"],
  [/\bpretends? to be\b/, "software adapter"],
  [/\bwhat (it|(the|an) optimi[sz]er) remember(s|ed)\b/, "state"],
  [/\bmatrix products?\b/, "matmul"],
  [/\bsquared relu\b/i, "ReLU²"],
  [/(behavi|col|fav|neighb)our/i, "American spelling: -or"],
  [/\b(MOST|LEAST|FEW|WORTH|LONGEST|SHORTEST)_[A-Z]|\b(most|least)[A-Z]/, "MAX_, MIN_, _THRESHOLD"],
  [/\b(\w+\.rates|(set|Set|optimizer|Optimizer)Rates)\b/, "learningRates"],
  [/\b(Product|\w+Product|(describe|matrix)Products)\b/, "matmul, problem"],
  [/drawTokens|AheadDrawer|draw_ahead/, "sampleTokens, LookaheadDecoder"],
  [
    /(\/\*\*|\/\/|^ *\*) (What|Who|Whose) /,
    "a comment that begins with the noun: The settings of …",
  ],
  [/\/\*\* (Its|Is|Of) /, "a comment with a noun or a verb: The name …, Called with …"],
  [/(\/\*\*|\* @param \w+|^ *\*) The most (bytes|characters|memory|seconds|tokens)\b/, "Maximum"],
  [/\b(made|generated|a task|spelling) by rule\b/i, "synthetic"],
  [/\bnewShare/, "oneMinusBeta"],
  [/\bwithout a word\b/, "which event or message is missing"],
  [/\bare not to be had\b/, "is unavailable"],
  [/\b[Oo]nly who\b/, "only if, only when"],
  [/\bthat there (is|are) not\b/, "unknown, missing"],
  [/\bGoing on (after|with)\b|\. Go on: /, "Resuming, To resume"],
  [/\b(initial|normal|optim|organ|recogn|summar)is(e|er|es|ed|ing|ation)\b/i, "-ize"],
];

const EXEMPT = ["CONTRIBUTING.md", "testing/words_test.ts"];

async function* textFiles(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (name.startsWith(".") || ["node_modules", "coverage", "docs"].includes(name)) continue;
    if (isDirectory) yield* textFiles(`${folder}${name}/`);
    else if (/\.(tsx?|md)$/.test(name)) yield folder + name;
  }
}

/** `line: word, write …` for each word of the list in a text. */
function wordsIn(text: string): string[] {
  return text.split("\n").flatMap((line, i) =>
    WORDS.flatMap(([pattern, instead]) => {
      const word = pattern.exec(line)?.[0];
      return word === undefined ? [] : [`${i + 1}: "${word}", write ${instead}`];
    })
  );
}

Deno.test("words of the list are found, with what to write instead", () => {
  assertEquals(wordsIn("The optimiser\nis made anew, what it remembers is not."), [
    '1: "optimiser", write -ize',
    '2: "anew", write again, or a new one',
    '2: "what it remembers", write state',
  ]);
  assertEquals(wordsIn("/** What a request asks for. */\n/** The most tokens of a choice. */"), [
    '1: "/** What ", write a comment that begins with the noun: The settings of …',
    '2: "/** The most tokens", write Maximum',
  ]);
  assertEquals(wordsIn("Submits the matmuls; the optimizer's state is recomputed."), []);
});

Deno.test("text uses the field's words and American spelling", async () => {
  const paths = (await Array.fromAsync(textFiles())).filter((path) => !EXEMPT.includes(path));
  assert(paths.includes("README.md") && paths.includes("autograd/tape.ts"));
  const found = await Promise.all(paths.map(async (path) => {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    return wordsIn(text).map((word) => `${path}:${word}`);
  }));
  assertEquals(found.flat().sort(), []);
});
