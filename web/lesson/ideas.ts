/**
 * The ideas of the lesson: where the page and the tour in the terminal tell each of them. A test looks for
 * all.
 *
 * @module
 */

/** An idea, and what has to be said of it. */
export interface LessonIdea {
  readonly idea: string;
  /** The section of the page, by its address. */
  readonly section: string;
  /** The stop of the tour, by its title. */
  readonly stop: string;
  /** Patterns that both texts must match, whatever the words around them. */
  readonly says: readonly RegExp[];
}

const rules = { section: "rules", stop: "Rules or examples" };

/** Those of the learner's notes that this project began with. */
export const noteIdeas: readonly LessonIdea[] = [
  {
    ...rules,
    idea: "some things are easy as rules, others cannot be written",
    says: [/celsiusToFahrenheit/, /whatAnimalIsThis/],
  },
  {
    ...rules,
    idea: "two dials learn the rule from four examples",
    says: [/two dials/, /four examples/, /9.?\/.?5/, /32/],
  },
  {
    ...rules,
    idea: "the key terms are known to developers by other names",
    says: [
      /tuning dial/,
      /config variable/,
      /filter chain/,
      /controllers/,
      /failing assertion/,
      /stack trace/,
    ],
  },
  {
    section: "mlp",
    stop: "Layers",
    idea: "why deep: four levels of a picture",
    says: [/edges/, /shapes/, /parts/, /cat/],
  },
  {
    section: "gradient",
    stop: "The gradient is a slope",
    idea: "blindfolded on a mountain",
    says: [/blindfolded/, /downhill/],
  },
  {
    section: "gradient",
    stop: "Backpropagation",
    idea: "nudge w, and b",
    says: [/3\.75 to 3\.76/, /11\.00 to 11\.02/, /2\.0\b/, /1\.0\b/],
  },
  {
    section: "gradient",
    stop: "Backpropagation",
    idea: "why w and b have different gradients: the input scales what its weight does",
    says: [/input/, /only added/],
  },
  {
    section: "backpropagation",
    stop: "Backpropagation",
    idea: "gradients are dominoes",
    says: [/dominoes/],
  },
  {
    section: "backpropagation",
    stop: "Backpropagation",
    idea: "why from back to front: gradients in the middle are reused",
    says: [/reused/, /500 million/],
  },
  {
    section: "letters",
    stop: "The same loop on letters: a language model",
    idea: "the next word, in the five steps",
    says: [/The sky is/, /blue/, /five steps/],
  },
  {
    section: "gpt",
    stop: "Where each idea lives",
    idea: "a sense of real scale",
    says: [/568 million/, /4\.5 billion/, /500,000 tokens/, /1\.65 hours/, /8 H100/, /\$48/],
  },
  {
    section: "ideas",
    stop: "Where each idea lives",
    idea: "where nanochat has each idea",
    says: [/nanochat\/gpt\.py/, /nanochat\/tokenizer\.py/, /scripts\/base_train\.py/],
  },
];

/** Those on the road from letters to a GPT. */
export const roadIdeas: readonly LessonIdea[] = [
  {
    section: "tokens",
    stop: "Tokens",
    idea: "pieces that occur often, by merging pairs of bytes; letters are lost",
    says: [/256/, /stand together most\s+often/, /strawberry/],
  },
  {
    section: "embeddings",
    stop: "Embeddings and positions",
    idea: "a row of a table; arrows that turn, so that only the distance counts",
    says: [/from a table/, /arrows/, /how far/],
  },
  {
    section: "attention",
    stop: "Attention in numbers",
    idea: "queries, keys and values; two heads; a head that copies",
    says: [/query/, /key/, /value/, /wo heads/, /induction head/, /dinodi/],
  },
  {
    section: "block",
    stop: "A block",
    idea: "a river that each part adds to, and nothing replaces",
    says: [/river/, /residual stream/, /Nothing in it is ever replaced/, /full/],
  },
  {
    section: "optimizers",
    stop: "The optimizer",
    idea: "a valley that is steep one way: momentum, Adam, Muon, schedules",
    says: [/steep one\s+way/, /Momentum/, /Adam/, /Muon/, /singular values/, /schedule/],
  },
  {
    section: "overfitting",
    stop: "Overfitting",
    idea: "by heart: the test loss, early stopping, weight decay, more to read",
    says: [/by heart/, /test loss/, /[Ee]arly stopping/, /[Ww]eight decay/, /[Mm]ore to read/],
  },
];

/** Those after it: a model that answers, and is served. */
export const talkIdeas: readonly LessonIdea[] = [
  {
    section: "answering",
    stop: "From continuing to answering",
    idea: "a conversation is a text with markers; the loss counts the assistant's tokens only",
    says: [/goes on with a text/, /special tokens/, /fine-tuning/, /masked/],
  },
  {
    section: "tool",
    stop: "A tool",
    idea: "the model writes a call, the engine computes and puts the result into the text",
    says: [/bad at sums/, /stops it, computes/, /engine/, /43/],
  },
  {
    section: "reward",
    stop: "Reward",
    idea: "answers are compared: the advantage is the reward minus the mean",
    says: [/eight times/, /minus the mean/, /likelier/, /what is rewarded, not what you meant/],
  },
  {
    section: "serving",
    stop: "Serve",
    idea: "requests share a batch, and each has a cache of keys and values",
    says: [/reads\s+every weight/, /share/, /KV\s+cache/, /copied/],
  },
];
