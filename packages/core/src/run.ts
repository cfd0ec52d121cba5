/**
 * The two runners: they carry an operation's requests to a device and its answers back.
 *
 * Both drive the same generators, so an operation has one implementation. A failed request is
 * thrown into the operation at its `yield`; what the operation throws reaches the caller as it is.
 */

import type { Answer, BlockDevice } from './device.js'
import { DeviceError, MisuseError } from './errors.js'
import type { Op, Request, SingleRequest } from './op.js'

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
    try {
      answerNow(device, step.value)
    } catch (error) {
      if (error instanceof MisuseError) {
        abandoned.add(op)
        throw error
      }
      step = op.throw(error)
      continue
    }
    step = op.next()
  }
  return step.value
}

/**
 * A request without an operation around it, for what was planned by plain functions.
 *
 * @throws DeviceError what went wrong; MisuseError `NEEDS_ASYNC`.
 */
export function askSync(request: Request, device: BlockDevice): void {
  answerNow(device, request)
}

function answerNow(device: BlockDevice, request: Request): void {
  if (request?.kind === 'series') {
    const { requests } = request
    for (let i = 0; i < requests.length; i++) answerNow(device, requests[i] as SingleRequest)
    return
  }
  let answer: Answer
  try {
    answer = ask(device, request)
  } catch (error) {
    throw asDeviceError(error, request)
  }
  if (answer === undefined) return
  // Its failure has nobody left to tell; unheard, it would end the process.
  answer.catch(() => {})
  throw new MisuseError(
    'NEEDS_ASYNC',
    `This device answered a ${request.kind} with a promise, so the synchronous call cannot go on. Use the promise form of the same call (without "Sync"), or run() for runSync().`,
  )
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
    const requests = request?.kind === 'series' ? request.requests : undefined
    const count = requests?.length ?? 1
    try {
      for (let i = 0; i < count; i++) {
        const single = (requests?.[i] ?? request) as SingleRequest
        try {
          const answer = ask(device, single)
          if (answer !== undefined) await answer
        } catch (error) {
          throw asDeviceError(error, single)
        }
      }
    } catch (error) {
      if (error instanceof MisuseError) {
        abandoned.add(op)
        throw error
      }
      step = op.throw(error)
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

function ask(device: BlockDevice, request: SingleRequest): Answer {
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
  let advice = 'Yield only requests of kind read, prog, erase or sync, or a series of them.'
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

/** What is wrong with the use of the device stays what it is. */
function asDeviceError(error: unknown, request: SingleRequest): DeviceError | MisuseError {
  if (error instanceof DeviceError || error instanceof MisuseError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DeviceError('IO', `The device failed a ${request.kind}: ${reason}`, {
    request: request.kind,
    cause: error,
  })
}
