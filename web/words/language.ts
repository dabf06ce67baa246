/**
 * The language of the pages.
 *
 * This folder holds all their words: to translate them, translate its files, and name the language here.
 *
 * @module
 */

/** The value of the attribute `lang`. */
export const language = "en";
