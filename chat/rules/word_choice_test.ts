import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import { ruleConversations } from "./conversations.ts";
import { readWords } from "./facts.ts";
import { chooseByToken, type ChooseWord } from "./word_choice.ts";

Deno.test("words with a rare token come as often as those with a frequent one", async () => {
  const tokenizer = await Tokenizer.train([" qu qu qu aa aa aa"], { vocabSize: 269 });
  const [rare] = tokenizer.encode(" qu");
  assertEquals(tokenizer.encode(" qu"), [rare]);
  const words = ["qu", ...Array.from({ length: 200 }, (_, i) => `aa${"bcdefgh"[i % 7]}`)];
  const { byAny } = chooseByToken(words, tokenizer);
  const random = new PythonRandom(1);
  const chosen = Array.from({ length: 900 }, () => byAny(random));
  const share = chosen.filter((word) => word === "qu").length / chosen.length;
  // Nine tokens: " qu", " aa" and seven letters.
  assert(share > 0.08 && share < 0.15, `${share}`);
  assertThrows(() => chooseByToken([], tokenizer), RangeError, "wanted some, got none");
});

Deno.test("words are chosen by the token that they begin with, if this is wanted", async () => {
  const tokenizer = await Tokenizer.train([" qu qu qu aa aa aa"], { vocabSize: 269 });
  const words = ["qux", "aab", "aac", "aad", "aae", "aaf", "aag", "aah"];
  const count = (choose: ChooseWord) => {
    const random = new PythonRandom(1);
    return Array.from({ length: 1000 }, () => choose(random)).filter((word) => word === "qux")
      .length;
  };
  // Of two first tokens, and of ten tokens, one of them a letter that only "qux" has.
  const { byFirst, byAny } = chooseByToken(words, tokenizer);
  assert(Math.abs(count(byFirst) - 500) < 60);
  assert(Math.abs(count(byAny) - 200) < 50);
});

Deno.test("conversations spell no word that an exam asks about, whatever tokenizer chooses", async () => {
  const tokenizer = await Tokenizer.train([" river rivers house houses"], { vocabSize: 275 });
  const { heldOut } = await readWords();
  const spelled = new Set(heldOut.map((word) => [...word].join(" ")));
  const task = await ruleConversations(2000, { tokenizer });
  for (let i = 0; i < task.length; i++) {
    for (const { role, content } of task.get(i).messages) {
      if (role !== "assistant") continue;
      const text = typeof content === "string" ? content : content[0]!.text;
      const words = (/^' ([a-z ]+)'/.exec(text)?.[1] ?? text).split(", ");
      assert(!words.some((word) => spelled.has(word)), text);
    }
  }
});
