/**
 * All events of the small world: what teller and checker share.
 *
 * @module
 */

import { common } from "./common.ts";
import { daring } from "./daring.ts";
import type { Event } from "./event.ts";
import { finding } from "./finding.ts";
import { sharing } from "./sharing.ts";

const table = { ...common, ...finding, ...sharing, ...daring };

/** The name of an event. */
export type EventName = keyof typeof table;

/** Every event by its name. */
export const events: Readonly<Record<EventName, Event>> = table;
