/** A process that appends to a log, or reads it, and then has nothing to do. */
import { start } from '../../../core/log/position.ts'
import { sqliteLog } from '../../../core/log/sqlite.ts'
import { LogNode } from '../log-node.ts'
import { eventOf, eventsOf } from '../sample-events.ts'

const [path = '', how = ''] = process.argv.slice(2)
const node = await LogNode.open(sqliteLog({ path }))
if (how === 'reading') {
  await node.append(...eventsOf('ann', 'c', 3_000))
  process.stdout.write(`read ${(await node.read(start)).length}\n`)
}
node.follow(start)
const appended = node.append(eventOf('ann', 'c0')).then(() => process.stdout.write('appended\n'))
if (how === 'waiting') process.stdout.write('sent\n')
else await appended
if (how === 'close') {
  await node.close()
  process.stdout.write('closed\n')
}
