import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { start } from '../../../../core/log/position.ts'
import { sqliteLog } from '../../../../core/log/sqlite.ts'
import { LogNode } from '../../../support/log-node.ts'
import { eventOf } from '../../../support/sample-events.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

const fixture = join(import.meta.dirname, '../../../support/children/idle-log.ts')
const run = (path: string, ...how: readonly string[]) =>
  spawnSync(process.execPath, [fixture, path, ...how], { encoding: 'utf8', timeout: 30_000 })

/** Files of this folder that this process has open. */
const openFiles = (folder: string): readonly string[] => readdirSync('/proc/self/fd').flatMap((fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    // The descriptor of the listing itself is gone by now.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}).filter((file) => file.startsWith(folder))

/** How many handles there are, but for the timers of the test itself. */
const resources = (): number =>
  process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'Immediate').length

describe('a closed log leaves nothing open', () => {
  it('no thread, timer or handle', async () => {
    const before = resources()
    const path = temporaryPath('log.db')
    const node = await LogNode.open(sqliteLog({ path }))
    node.follow(start)
    await node.append(eventOf('ann', 'c0'))
    await Promise.all([node.close(), node.append(eventOf('ann', 'c1')).catch(() => 'closing came first')])
    await node.close()
    await until('all is released', () => resources() <= before)
  })

  it.runIf(process.platform === 'linux')('no file', async () => {
    const path = temporaryPath('log.db')
    const node = await LogNode.open(sqliteLog({ path }))
    await node.append(eventOf('ann', 'c0'))
    await node.read(start)
    expect(openFiles(path)).not.toEqual([])
    await node.close()
    expect(openFiles(path)).toEqual([])
  })

  it('a log that could not be opened, neither', async () => {
    const before = resources()
    await LogNode.open(sqliteLog({ path: '/no/such/folder/log.db' })).catch(() => 'as it should')
    await until('the thread is gone', () => resources() <= before)
  })
})

describe('a process with a log', () => {
  it('that is idle ends when it has nothing else to do, tail or not', () => {
    const { status, stdout, stderr } = run(temporaryPath('log.db'), 'idle')
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'appended\n', stderr: '' })
  })

  it('that waits for an append does not end before the answer', () => {
    const { status, stdout, stderr } = run(temporaryPath('log.db'), 'waiting')
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'sent\nappended\n', stderr: '' })
  })

  it('that waits for what it reads does not end before it has it', () => {
    const { status, stdout, stderr } = run(temporaryPath('log.db'), 'reading')
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'read 3000\nappended\n', stderr: '' })
  })

  it('that closes it ends too', () => {
    const { status, stdout, stderr } = run(temporaryPath('log.db'), 'close')
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'appended\nclosed\n', stderr: '' })
  })
})
