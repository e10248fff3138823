import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import { describeWithNats, startNatsServer } from './nats-server.ts'
import { until } from './until.ts'

const runs = (pid: number): boolean => {
  const found = execFileSync('sh', ['-c', `ps -o stat= -p ${pid} || true`], { encoding: 'utf8' }).trim()
  return found !== '' && !found.startsWith('Z')
}

describeWithNats('a nats-server for a test', () => {
  it('takes connections, is killed, and starts again on its port', async () => {
    await using server = await startNatsServer()
    await (await connect({ servers: server.url })).close()
    const first = server.pid()!
    expect(runs(first)).toBe(true)
    await server.kill()
    expect(runs(first)).toBe(false)
    expect(server.pid()).toBe(undefined)
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow()
    await server.start()
    await (await connect({ servers: server.url })).close()
    expect(server.pid()).not.toBe(first)
  })

  it('stands still and goes on, and ends even while it stands still', async () => {
    await using server = await startNatsServer()
    const connection = await connect({ servers: server.url })
    await server.freeze()
    const round = connection.flush()
    server.thaw()
    await round
    await connection.close()
    await server.freeze()
    const pid = server.pid()!
    await server.kill()
    expect(runs(pid)).toBe(false)
  })

  it('does not outlive the process that started it, however that ends', async () => {
    const owner = fork(new URL('nats-owner.ts', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const [pid] = await once(owner, 'message') as [number]
    expect(runs(pid)).toBe(true)
    owner.kill('SIGKILL')
    await until('the server has ended', () => !runs(pid))
  })
})
