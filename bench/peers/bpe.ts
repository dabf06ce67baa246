/** Jobs that measure tokenizers, one in each process. */

import { readTiktoken, Tokenizer } from "../../tokenizer/mod.ts";
import { addresses, makeRandom } from "../../tokenizer/testing/texts.ts";
import { peakMemory } from "../harness.ts";
import { type Job, type JobOptions, serve } from "./protocol.ts";

interface Ranks {
  readonly bpe_ranks: string;
  readonly pat_str: string;
}

/** The vocabulary that all libraries have: GPT-4's. */
async function ranks(): Promise<Ranks> {
  const place: string = "npm:tiktoken@1.0.22/encoders/cl100k_base";
  const { default: found }: { default: Ranks } = await import(place);
  return found;
}

async function encoder(library: string): Promise<(text: string) => ArrayLike<number>> {
  switch (library) {
    case "gpt-tokenizer": {
      const { encode } = await import("npm:gpt-tokenizer@4.0.0/encoding/cl100k_base");
      return encode;
    }
    case "tiktoken": {
      const { Tiktoken } = await import("npm:tiktoken@1.0.22");
      const { bpe_ranks, pat_str } = await ranks();
      const tiktoken = new Tiktoken(bpe_ranks, {}, pat_str);
      return (text) => tiktoken.encode(text, [], []);
    }
    default: {
      const { bpe_ranks, pat_str } = await ranks();
      const tokenizer = new Tokenizer(
        readTiktoken(rankLines(bpe_ranks), { pattern: pat_str, specialTokens: [] }),
      );
      return (text) => tokenizer.encode(text);
    }
  }
}

/** Unpacks tiktoken's ranks into lines: `! 0 IQ== Ig==` holds the tokens from 0 on. */
function rankLines(packed: string): string {
  return packed.trim().split("\n").flatMap((line) => {
    const [_mark, first, ...tokens] = line.split(" ");
    return tokens.map((token, i) => `${token} ${Number(first) + i}`);
  }).join("\n");
}

const MILLION = 1_000_000;

async function textsNamed(name: string): Promise<string[]> {
  const random = makeRandom(1);
  const draw = (letters: string) =>
    Array.from({ length: MILLION }, () => letters[random(letters.length)]).join("");
  switch (name) {
    case "text without spaces":
      return [draw("etaoinshrdlucmfw")];
    case "one letter":
      return ["a".repeat(MILLION)];
    case "random bytes":
      return [new TextDecoder().decode(Uint8Array.from({ length: MILLION }, () => random(256)))];
    default:
      return await addresses();
  }
}

async function encode({ way = "nanodino", text = "addresses" }: JobOptions): Promise<Job> {
  const encodeText = await encoder(way);
  const texts = await textsNamed(text);
  const bytes = texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  const run = (): number[] => {
    let [tokens, hash] = [0, 0];
    for (const text of texts) {
      const ids = encodeText(text);
      tokens += ids.length;
      for (let i = 0; i < ids.length; i += 61) hash = (hash * 31 + ids[i]!) % 1_000_003;
    }
    return [tokens, hash];
  };
  const check = run();
  return {
    check,
    measure: () => {
      const start = performance.now();
      run();
      return { megabytes_per_second: bytes / (performance.now() - start) / 1e3 };
    },
  };
}

/** `size` bytes of documents, with some words replaced by random ones from the second pass on. */
function* manyTexts(texts: readonly string[], size: number): Generator<string> {
  const random = makeRandom(2);
  const letters = "etaoinshrdlucmfwypvbgkjqxz";
  const word = () =>
    Array.from({ length: 3 + random(7) }, () => letters[random(letters.length)]).join("");
  for (let bytes = 0; bytes < size;) {
    for (const text of texts) {
      const changed = bytes === 0
        ? text
        : text.replaceAll(/ [a-z]+/g, (all) => random(50) === 0 ? ` ${word()}` : all);
      yield changed;
      bytes += changed.length;
      if (bytes >= size) return;
    }
  }
}

function train({ size = 0, vocabSize = 4096 }: JobOptions): Job {
  return {
    check: [],
    measure: async () => {
      const documents = await addresses();
      const texts = size === 0 ? documents : manyTexts(documents, size);
      const start = performance.now();
      await Tokenizer.train(texts, { vocabSize });
      return { seconds: (performance.now() - start) / 1000, megabytes: peakMemory() };
    },
  };
}

await serve({ encode, train });
