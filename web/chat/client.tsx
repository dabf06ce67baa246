/// <reference lib="dom" />
/** The chat page of a server. @module */

import { server } from "./api.ts";
import { Markdown } from "./markdown.tsx";
import { startChat } from "./page.tsx";

startChat(server, { prose: Markdown });
