import { memoryLog } from '../../../core/log/memory.ts'
import { suite } from '../../contract/sessions.ts'

suite('memory', () => memoryLog())
