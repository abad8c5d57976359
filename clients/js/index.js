'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { createInterface } = require('node:readline')
const { ControlClient } = require('./control.js')
const { ControlApiError } = require('./transport.js')

const INSTALL = 'pip install payments-sandbox, or start the tests with: payments-sandbox run -- npm test'

// A world for one test: the methods of the control API, and what requests to the Payments API need.
class World extends ControlClient {
  constructor(access, made) {
    super({ ...access, apiKey: made.api_key })
    Object.assign(this, { baseUrl: made.base_url, webhookSecret: made.webhook_secret })
    this.headers = { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json' }
  }

  async assertExpectations() {
    const report = await this.retrieveReport()
    if (!report.passed) throw new ExpectationsNotMet(report, await this._text('/report'))
  }

  drop() {
    return this.deleteWorld()
  }
}

class ExpectationsNotMet extends Error {
  constructor(report, text) {
    super(`The sandbox's report: ${text}`)
    Object.assign(this, { name: 'ExpectationsNotMet', report })
  }
}

// Starts a server that ends with this process, even if it is killed: the system then closes the pipe.
async function startServer({ command = ['payments-sandbox'], options = [] } = {}) {
  const [program, ...before] = command
  const serve = [...before, 'serve', '--port', '0', '--until-stdin-closes', ...options]
  const child = spawn(program, serve, { stdio: 'pipe' })
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`it exited with ${code ?? signal}`))
    child.once('error', ({ code, message }) => {
      resolve(code === 'ENOENT' ? `command not found; ${INSTALL}` : message)
    })
  })
  child.stdin.on('error', () => {}) // the server has already ended
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!line.startsWith('INFO ')) console.error(line)
  })
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])
  if (!Array.isArray(first)) throw new Error(`cannot start ${program}: ${first}`)
  for (const each of [child, ...child.stdio]) each.unref() // the server must not keep the test process alive
  const facts = JSON.parse(first[0])
  const server = {
    baseUrl: facts.base_url, sandboxUrl: facts.sandbox_url, apiKey: facts.api_key,
    webhookSecret: facts.webhook_secret, controlToken: facts.control_token, pid: facts.pid,
    createWorld: (wishes) => worldOf(server, wishes),
    stop: async () => {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
  return server
}

async function worldOf({ sandboxUrl, controlToken }, wishes = {}) {
  const access = { sandboxUrl, controlToken }
  return new World(access, await new ControlClient(access).createWorld(wishes))
}

let own // the one server of this process

// Makes a world on the server of `payments-sandbox run`, or on one that is started for the first world.
async function createWorld(wishes) {
  const sandboxUrl = process.env.PAYMENTS_SANDBOX_URL
  const controlToken = process.env.PAYMENTS_SANDBOX_CONTROL_TOKEN
  return worldOf(sandboxUrl ? { sandboxUrl, controlToken } : await (own ??= startServer()), wishes)
}

async function judgeAndDrop(world) {
  try {
    await world.assertExpectations()
  } finally {
    await world.drop()
  }
}

// For vitest: `test.extend({ world: worldFixture() })`.
function worldFixture(wishes) {
  return async ({ task }, use) => {
    const world = await createWorld({ name: task.name, ...wishes })
    await use(world)
    await judgeAndDrop(world)
  }
}

// For node:test and jest: `const world = worldForEachTest({ beforeEach, afterEach })`, then `world()`.
function worldForEachTest({ beforeEach, afterEach }, wishes) {
  let world
  beforeEach(async (...given) => { // jest would expect a hook with a named argument to call it back
    world = undefined
    const name = given[0]?.task?.name ?? given[0]?.name ?? globalThis.expect?.getState?.().currentTestName
    world = await createWorld({ ...name && { name }, ...wishes })
  })
  afterEach(() => world && judgeAndDrop(world))
  return () => world
}

module.exports = {
  ControlApiError, ControlClient, ExpectationsNotMet, World, createWorld,
  startServer, worldFixture, worldForEachTest,
}
