import { memoryLog } from '../../core/log/memory.ts'
import { sqliteLog } from '../../core/log/sqlite.ts'
import { everydaySuite, suite } from '../contract/cluster.ts'
import { temporaryPath } from '../support/temp.ts'

suite('memory', () => memoryLog())
everydaySuite('memory with three partitions', () => memoryLog({ partitions: 3 }))
everydaySuite('sqlite', () => sqliteLog({ path: temporaryPath('cluster.db') }))
