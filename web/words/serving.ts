/** The words of the section on serving. @module */

/** The words. */
export const words = {
  first: "First question",
  second: "Second question",
  questions: {
    cow: "What does the cow say?",
    owl: "Where does the owl live?",
    sum: "What is 27+16?",
    who: "Who are you?",
  },
  arrives: "Steps until the second comes",
  keeps: "Finished KV caches",
  keepsCaches: { yes: "are kept for the next one", no: "are freed" },
  start: "Serve them",
  step: "Step of the batch",
  play: "Play",
  stop: "Stop",
  untrained:
    "Three people ask: the third one asks what the first one asked. Two fit into the batch.",
  now: (step: number, steps: number, rows: number, tokens: number) =>
    `Step ${step} of ${steps}: ${
      rows === 1 ? "1 request shares" : `${rows} requests share`
    } the batch, ${tokens === 1 ? "1 token is" : `${tokens} tokens are`} written`,
  done: (together: number, alone: number) =>
    `Everybody has an answer after ${together} steps. One after the other, it would take ${alone}.`,
  stream: "The tokens in the order in which they leave the batch",
  from: (request: number) => `Request ${request}`,
  caches: "The KV cache of each request: a cell for each token that it has room for",
  phases: { prefill: "reads its prompt", decode: "writes", kept: "is done, and kept" },
  waits: "waits for a place",
  later: "has not arrived yet",
  freed: "is done, and freed",
  cache: (request: number, phase: string, position: number, capacity: number) =>
    `Request ${request} ${phase}: ${position} of ${capacity} cells are full`,
  free: (request: number, phase: string) => `Request ${request} ${phase}`,
  columns: ["Request", "Tokens of its prompt", "Found in a cache", "Tokens written"],
  table: "What each request took",
  togetherRow: "Steps of the batch",
  aloneRow: "Steps if they came one after the other",
  chat: "Talk with it in the chat page of this site",
  savePage: "Save it as a page",
  savePageHelp: "One file that holds your model. Send it to a friend: it opens in any browser.",
  noModel:
    "There is no model in this browser yet. Teach one in the lesson, and come back: it takes a minute.",
  lesson: "To the lesson",
  /** The facts that the page of the model tells. */
  card: (isRewarded: boolean) => ({
    id: "A GPT of your own",
    assistant_name: "your GPT",
    stage: isRewarded ? "rl" : "sft",
    origin: isRewarded ? "taught and rewarded in a page" : "taught in a page",
    examples: [
      "What does the owl say?",
      "Where does the bee live?",
      isRewarded ? "Quick! 48+75?" : "What is 48+75?",
      "Who are you?",
    ],
    facts: [],
  }),
};
