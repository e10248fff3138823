import type { Case } from '../harness/case.ts'
import { appendJetstreamCase, appendKafkaCase } from './append.ts'
import { createCase } from './create.ts'
import { loopDelayCase } from './loop-delay.ts'
import { memoryCase } from './memory.ts'
import { peersCase } from './peers.ts'
import { refuseCase } from './refuse.ts'
import { replayCase, replayJetstreamCase, replayKafkaCase } from './replay.ts'
import { revocationCase, revocationJetstreamCase, revocationKafkaCase } from './revocation.ts'
import { validateCase } from './validate.ts'

export const cases: readonly Case[] = [
  validateCase, refuseCase, memoryCase, createCase, appendJetstreamCase, appendKafkaCase, revocationCase,
  revocationJetstreamCase, revocationKafkaCase, replayCase, replayJetstreamCase, replayKafkaCase, loopDelayCase, peersCase
]
