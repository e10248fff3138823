/** Opens the log that it is given, as whoever runs it, and says what came of it. */
import { sqliteLog } from '../../../core/log/sqlite.ts'
import { LogNode } from '../log-node.ts'

const path = process.argv[2] ?? ''
try {
  const node = await LogNode.open(sqliteLog({ path }))
  await node.close()
  process.stdout.write('it opened\n')
} catch (error) {
  const { _tag: tag, message } = error as { readonly _tag?: string; readonly message?: string }
  process.stdout.write(`${tag} ${message}\n`)
}
