import { writeFileSync } from 'node:fs'
import { cases } from './cases/all.ts'
import { Lacking, WrongAnswer } from './harness/case.ts'
import { noise } from './harness/machine.ts'
import { readArguments, usage } from './harness/options.ts'
import { progressOn } from './harness/progress.ts'
import { renderReport, reportJson, table } from './harness/report.ts'
import { runCase } from './harness/run.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const complain = (line: string): void => { process.stderr.write(`${line}\n`) }

const main = async (): Promise<number> => {
  const asked = readArguments(process.argv.slice(2), cases.map(({ name }) => name))
  switch (asked.kind) {
    case 'wrong':
      complain(`${asked.message}\n\n${usage}`)
      return 1
    case 'list':
      say(`${table(cases.map(({ name, line }) => [name, line]))}\n\n${usage}`)
      return 0
    case 'run': {
      const trial = cases.find(({ name }) => name === asked.name)!
      const busy = noise()
      if (busy !== undefined) say(`Note: ${busy}.`)
      if (asked.quick) say('Note: a quick run shows that the case works; its numbers mean nothing.')
      const report = await runCase(trial, { ...asked, progress: progressOn(process.stderr, process.env), note: say })
      say(renderReport(report, asked.quick ? {} : trial.reach))
      if (asked.json !== undefined) writeFileSync(asked.json, reportJson(report))
      return 0
    }
  }
}

// An end from outside takes the folder of the case with it; the processes that it started notice.
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => process.exit(code))

try {
  process.exitCode = await main()
} catch (error) {
  complain(error instanceof WrongAnswer || error instanceof Lacking ? error.message
    : error instanceof Error ? error.stack ?? error.message : String(error))
  process.exitCode = 1
}
