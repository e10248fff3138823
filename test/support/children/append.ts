/**
 * Appends to a log until it is killed, or so many times: `lanes` appends at a time, each of 1 to 5 events. Says what
 * was answered, one line each: "lane append count". The command of an event is "writer-lane-append-index".
 */
import { sqliteLog } from '../../../core/log/sqlite.ts'
import { LogNode } from '../log-node.ts'
import { eventOf } from '../sample-events.ts'

const [path = '', writer = '', lanes = '', times = ''] = process.argv.slice(2)
const node = await LogNode.open(sqliteLog({ path }))
const appends = times === '' ? Infinity : Number(times)

const lane = async (number: number): Promise<void> => {
  for (let i = 0; i < appends; i++) {
    const count = 1 + (number + i) % 5
    const commands = Array.from({ length: count }, (_, j) => `${writer}-${number}-${i}-${j}`)
    await node.append(...commands.map((command) => eventOf(`subject ${number}`, command)))
    process.stdout.write(`${number} ${i} ${count}\n`)
  }
}

process.stdout.write('ready\n')
await Promise.all(Array.from({ length: Number(lanes) }, (_, number) => lane(number)))
await node.close()
