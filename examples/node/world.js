// Remote control of a world of the test's own in the sandbox: no other test sees it.

const SANDBOX = process.env.PAYMENTS_SANDBOX_URL
if (!SANDBOX) throw new Error('Start the tests with: payments-sandbox run -- npm test')

export class World {
  static async make() {
    const world = new World()
    Object.assign(world, await world.ask('POST', '/worlds', { clock: '2030-01-15T09:00:00Z' }))
    return world
  }

  async ask(method, path, body) {
    const reply = await fetch(SANDBOX + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...this.api_key && { authorization: `Bearer ${this.api_key}` },
      },
      body: body && JSON.stringify(body),
    })
    const said = await reply.text()
    if (!reply.ok) throw new Error(said)
    return said && JSON.parse(said)
  }

  // When this returns, the webhooks that were due have been answered.
  advance(by) {
    return this.ask('POST', '/clock/advance', { by })
  }
}
