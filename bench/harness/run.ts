import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Case } from './case.ts'
import { cpuModel, nodeVersion } from './machine.ts'
import type { Progress } from './progress.ts'
import type { Report } from './report.ts'

export interface RunOptions {
  readonly sessions: number | undefined
  readonly rounds: number | undefined
  readonly quick: boolean
  readonly progress: Progress
  readonly note: (line: string) => void
}

const quickSessions = 2_000
const quickRounds = 2

/** Runs one case in a folder of its own. */
export const runCase = async (trial: Case, options: RunOptions): Promise<Report> => {
  const directory = mkdtempSync(join(tmpdir(), 'curfew-bench-'))
  const bench: Bench = {
    sessions: (full) => options.sessions ?? (options.quick ? Math.min(full, quickSessions) : full),
    rounds: (full) => options.rounds ?? (options.quick ? quickRounds : full),
    size: (full, small) => options.quick ? small : full,
    progress: options.progress,
    note: options.note,
    directory
  }
  const clean = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', clean)
  try {
    const { figures, ratios } = await trial.run(bench)
    return { case: trial.name, node: nodeVersion(), cpu: cpuModel(), figures, ratios }
  } finally {
    options.progress.end()
    clean()
    process.removeListener('exit', clean)
  }
}
