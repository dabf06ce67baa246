/** Training time on all State of the Union addresses, for small and large vocabularies. */
import { addresses } from "./testing/texts.ts";
import { Tokenizer } from "./tokenizer.ts";
import { WordCounter } from "./train.ts";
import { SPLIT_PATTERN } from "./pattern.ts";

const all = await addresses();

Deno.bench("count the words of 10.8 MB", { group: "train", baseline: true }, () => {
  const counter = new WordCounter(SPLIT_PATTERN);
  for (const text of all) counter.add(text);
});
for (const vocabSize of [1024, 4096, 32768]) {
  Deno.bench(`train on 10.8 MB, ${vocabSize} tokens`, { group: "train" }, async () => {
    await Tokenizer.train(all, { vocabSize });
  });
}
