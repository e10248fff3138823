import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { until } from './until.ts'

/**
 * Starts the program that is given to it, says its process id, and ends it when its own input ends: when we say so, and
 * also when we are gone without a word, by kill -9 for instance.
 */
const keeper = 'trap "" INT TERM; "$@" >/dev/null 2>&1 </dev/null & echo $!; read -r _; kill -9 $!; wait $!'

/** A server of our own, which ends with us. */
export interface Kept {
  readonly pid: number
  readonly end: () => Promise<void>
}

export const startKept = async (program: string, args: readonly string[]): Promise<Kept> => {
  const child = spawn('sh', ['-c', keeper, 'sh', program, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'], detached: true
  })
  const gone = once(child, 'exit')
  const [said] = await once(child.stdout, 'data') as [Buffer]
  return {
    pid: Number(said.toString('latin1')),
    end: async () => {
      child.stdin.end()
      await gone
    }
  }
}

/** Resolves when it stands still. */
export const freeze = async ({ pid }: Kept): Promise<void> => {
  process.kill(pid, 'SIGSTOP')
  const state = (): string => execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  await until('it stands still', () => state().startsWith('T'))
}

export const thaw = ({ pid }: Kept): void => { process.kill(pid, 'SIGCONT') }

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
