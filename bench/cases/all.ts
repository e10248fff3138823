import type { Case } from '../harness/case.ts'
import { appendJetstreamCase } from './append.ts'
import { appendKafkaCase } from './append-kafka.ts'
import { createCase } from './create.ts'
import { loopDelayCase } from './loop-delay.ts'
import { memoryCase } from './memory.ts'
import { peersCase } from './peers.ts'
import { refuseCase } from './refuse.ts'
import { replayCase, replayJetstreamCase } from './replay.ts'
import { revocationCase, revocationJetstreamCase } from './revocation.ts'
import { validateCase } from './validate.ts'

export const cases: readonly Case[] = [
  validateCase, refuseCase, memoryCase, createCase, appendJetstreamCase, revocationCase, revocationJetstreamCase, replayCase,
  replayJetstreamCase, appendKafkaCase, loopDelayCase, peersCase
]
