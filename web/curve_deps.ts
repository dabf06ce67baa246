/**
 * uPlot (MIT, without dependencies), which draws long curves: for pages that have some, and no others.
 *
 * @module
 */

export { default as uPlot } from "npm:uplot@1.6.32";
