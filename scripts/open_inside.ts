/**
 * The lesson as dashboards serve it: one of its sections looks inside the model of a run. @module
 */

import { stagePath, type stages } from "../chat/files/stages.ts";
import type { Site } from "../web/build.tsx";
import { readModelFiles } from "./model_files.ts";

/**
 * A constant, not a literal import, so that the code that builds the lesson is only loaded if it is
 * used.
 */
const LESSON = "../web/build.tsx";

/** The lesson with the model of a run that was looked into last. */
const sites = new Map<string, Promise<Site>>();

async function buildInside(run: string): Promise<Site> {
  const { buildSite }: typeof import("../web/build.tsx") = await import(LESSON);
  const [stage, tag] = run.split("/") as [typeof stages[number], string];
  return await buildSite({ model: await readModelFiles(stagePath(stage, tag)) });
}

/** Answers with the lesson, one of whose sections looks inside the latest model of a run. */
export async function openInside(run: string, path: string): Promise<Response> {
  const { siteResponse } = await import("../web/serve.ts");
  // Opening the page loads the current model; requests for its other files follow.
  const site = (path === "" ? undefined : sites.get(run)) ?? buildInside(run);
  sites.set(run, site);
  try {
    // Without the service worker that makes the site work offline: it would cache the model as
    // well.
    return path === "sw.js" ? new Response(null, { status: 404 }) : siteResponse(await site, path);
  } catch (error) {
    sites.delete(run);
    return new Response(`${(error as Error).message}\n`, { status: 500 });
  }
}
