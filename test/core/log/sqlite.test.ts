import { sqliteLog } from '../../../core/log/sqlite.ts'
import { suite } from '../../contract/event-log.ts'
import { temporaryPath } from '../../support/temp.ts'

suite('sqlite', async () => ({ layer: sqliteLog({ path: temporaryPath('log.db') }), dispose: async () => undefined }))
