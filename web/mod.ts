/**
 * Pages on the same engine: a lesson from one neuron to a GPT, a chat, and a dashboard of runs.
 *
 * `task learn` serves the lesson, `task site` writes it as static files, `task dashboard` and `task
 * serve` serve the other two. The packages for pages are downloaded only when a page is built.
 *
 * | Folder | |
 * | --- | --- |
 * | `lesson/` | the sections: their widgets; `labs.tsx` is a second script, loaded when the reader first moves |
 * | `engine/` | the workers that compute: their tasks, and their client |
 * | `parts/` | sliders, tables, graphs, plots, heat maps; no words in them |
 * | `inside/` | the view into a checkpoint, which is one of the sections |
 * | `model_page/` | a model as one file: the chat and the view inside, with the weights in the page |
 * | `dashboard/`, `chat/` | the other pages |
 * | `words/` | the words of all pages, in one language |
 *
 * **To add a section**, write its widget in `lesson/NAME.tsx`: a function without arguments, out of
 * `parts/`, with a `slider` or a `choice` of `state.ts` for each control, so that a link has it.
 * Name it in `lesson/labs.tsx`, and write its words into `words/labs.ts`, or into a file of their
 * own there. Write its text into `words/lesson.md`, with the name and the title of the widget, and
 * the code to show as `path#symbol`; the build fails if the symbol is no longer in the file.
 * Anything that takes longer than a frame is a task of `engine/worker.ts`; a test compares its
 * numbers with Deno's.
 *
 * **To translate**, translate the files of `words/`; a test finds words anywhere else.
 *
 * Sources: the learner's notes that the project began with (the four widgets and their numbers), micrograd
 * (the graph of one data point), TensorFlow Playground (all on one screen, the state in the link), llm-viz
 * and transformer-explainer (a look inside a model).
 *
 * @module
 */

export { type BuildOptions, buildSite, CONTENT_SECURITY_POLICY, type Site } from "./build.tsx";
export { buildChat, buildDashboard, type PageHandler } from "./page.ts";
export { type ServeOptions, serveSite } from "./serve.ts";
