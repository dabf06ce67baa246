/**
 * The ideas of the learner's notes that this project began with: where the page and the tour in the
 * terminal tell each of them. A test looks for all.
 *
 * @module
 */

/** An idea, and what has to be said of it. */
export interface NoteIdea {
  readonly idea: string;
  /** The section of the page, by its address. */
  readonly section: string;
  /** The stop of the tour, by its title. */
  readonly stop: string;
  /** Patterns that both texts must match, whatever the words around them. */
  readonly says: readonly RegExp[];
}

const rules = { section: "rules", stop: "Rules or examples" };

export const noteIdeas: readonly NoteIdea[] = [
  {
    ...rules,
    idea: "some things are easy as rules, others cannot be written",
    says: [/celsiusToFahrenheit/, /whatAnimalIsThis/],
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
