import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/** A plot as SVG. */
export const svg = (spec: TopLevelSpec): Promise<string> =>
  new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG()
