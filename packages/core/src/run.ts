/**
 * The two runners: they carry an operation's requests to a device and its answers back.
 *
 * Both drive the same generators, so an operation has one implementation. A failed request is
 * thrown into the operation at its `yield`; what the operation throws reaches the caller as it is.
 */

import type { Answer, BlockDevice } from './device.js'
import { DeviceError, MisuseError } from './errors.js'
import type { Op, Request } from './op.js'

/** Operations that a runner left in the middle, or is driving across a promise just now. */
const abandoned = new WeakSet<Op<unknown>>()
const inFlight = new WeakSet<Op<unknown>>()

/**
 * Runs an operation on a device that answers at once.
 *
 * @throws MisuseError `NEEDS_ASYNC` where the device answers with a promise.
 * @throws DeviceError what the operation did not catch; anything else that it throws.
 */
export function runSync<T>(op: Op<T>, device: BlockDevice): T {
  checkUnused(op)
  let step = op.next()
  while (step.done !== true) {
    const request = step.value
    let answer: Answer
    try {
      answer = ask(device, request)
    } catch (error) {
      if (error instanceof MisuseError) {
        abandoned.add(op)
        throw error
      }
      step = op.throw(asDeviceError(error, request))
      continue
    }
    if (answer !== undefined) {
      abandoned.add(op)
      // Its failure has nobody left to tell; unheard, it would end the process.
      answer.catch(() => {})
      throw new MisuseError(
        'NEEDS_ASYNC',
        `This device answered a ${request.kind} with a promise, so the synchronous call cannot go on. Use the promise form of the same call (without "Sync"), or run() for runSync().`,
      )
    }
    step = op.next()
  }
  return step.value
}

/**
 * Runs an operation on any device. Waits only where the device does: on one that answers at once
 * the operation is done before the promise is returned.
 */
export async function run<T>(op: Op<T>, device: BlockDevice): Promise<T> {
  checkUnused(op)
  inFlight.add(op)
  let step = op.next()
  while (step.done !== true) {
    const request = step.value
    try {
      const answer = ask(device, request)
      if (answer !== undefined) await answer
    } catch (error) {
      if (error instanceof MisuseError) {
        abandoned.add(op)
        throw error
      }
      step = op.throw(asDeviceError(error, request))
      continue
    }
    step = op.next()
  }
  inFlight.delete(op)
  return step.value
}

function checkUnused(op: Op<unknown>): void {
  if (abandoned.has(op)) {
    throw new MisuseError(
      'ABANDONED',
      'This operation was left in the middle by an earlier failure of its runner and cannot be continued. Call the function that made it again.',
    )
  }
  if (inFlight.has(op)) {
    throw new MisuseError(
      'ABANDONED',
      'This operation is already being run, or its runner failed in the middle. An operation is run once; call the function that made it again.',
    )
  }
}

function ask(device: BlockDevice, request: Request): Answer {
  switch (request?.kind) {
    case 'read':
      return device.read(request.spans)
    case 'prog':
      return device.prog(request.spans)
    case 'erase':
      return device.erase(request.blocks)
    case 'sync':
      return device.sync()
    default:
      throw notARequest(request)
  }
}

/** Guesses the mistake. */
function notARequest(value: unknown): MisuseError {
  let what = `yielded ${value === null ? 'null' : `a value of type ${typeof value}`}, which is no request`
  let advice = 'Yield only requests of kind read, prog, erase or sync.'
  if (isObject(value) && typeof value.next === 'function') {
    what = 'yielded another operation'
    advice = 'Write `yield*` where it says `yield`.'
  } else if (isObject(value) && typeof value.then === 'function') {
    what = 'yielded a promise'
    advice = 'Operations never wait: yield a request, and let the runner wait for the device.'
  }
  return new MisuseError('NOT_A_REQUEST', `An operation ${what}. ${advice}`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function asDeviceError(error: unknown, request: Request): DeviceError {
  if (error instanceof DeviceError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DeviceError('IO', `The device failed a ${request.kind}: ${reason}`, {
    request: request.kind,
    cause: error,
  })
}
