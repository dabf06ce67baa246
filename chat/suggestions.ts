/** Suggested questions for a model that was fine-tuned on the synthetic conversations. @module */

/**
 * Messages that show what such a model can do, one for each kind, the most telling first. The
 * terminal shows them as a greeting, and the chat page as buttons.
 *
 * @example
 * ```ts
 * import { suggestions } from "./suggestions.ts";
 *
 * for (const message of suggestions.slice(0, 4)) console.log(`Try: ${message}`);
 * ```
 */
export const suggestions: readonly string[] = [
  "What can you do?",
  "What is 17 times 23?",
  "Tell me a story about a dragon.",
  "How do you spell river?",
  "What is the capital of Japan?",
  "How many r are in mirror?",
  "What is the opposite of early?",
  "Which currency does Brazil use?",
  "What comes after Monday?",
  "My name is Ada.",
];
