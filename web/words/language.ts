/**
 * The language of the pages.
 *
 * This folder holds all their words: to translate them, translate its files, and name the language here.
 *
 * @module
 */

/** What `lang` says of it. */
export const language = "en";
