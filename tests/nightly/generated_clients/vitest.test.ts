import { expect, test as base } from 'vitest'
import { type World, control, ControlApiError, createWorld, startServer, worldFixture } from '@payments-sandbox/client'

const test = base.extend<{ world: World }>({ world: worldFixture({ clock: '2030-01-15T09:00:00Z' }) })

async function pay(world: World, card_number: string): Promise<number> {
  const payment_method = { type: 'card', card_number, exp_month: 12, exp_year: 2034, cvc: '123' }
  const body = JSON.stringify({ amount: 2500, currency: 'USD', payment_method })
  return (await fetch(`${world.baseUrl}/payments`, { method: 'POST', headers: world.headers, body })).status
}

test('a world of its own, with types', async ({ world }) => {
  expect(await pay(world, '4111111111111111')).toBe(201)
  const summary: control.World = await world.retrieveWorld()
  expect([summary.name, summary.payments.completed]).toEqual(['a world of its own, with types', 1])
  const { happened }: control.AdvancedClock = await world.advanceClock({ by: '1h' })
  expect(happened).toEqual([])
  for await (const message of world.stream({ last: 1 })) {
    expect(message.kind).toBe('request')
    break
  }
})

test('what is refused has a code', async ({ world }) => {
  const code = await world.retrieveDelivery('dlv_none').catch((error: ControlApiError) => error.code)
  expect(code).toBe('not_found')
  // @ts-expect-error - there is no such field
  await expect(world.advanceClock({ bye: '1h' })).rejects.toThrow(ControlApiError)
})

base('a server of its own', async () => {
  const server = await startServer({ options: ['--seed', '7'] })
  const made = await server.createWorld()
  expect((await made.retrieveWorld()).seed).toBeGreaterThan(0)
  await server.stop()
})

test('an expectation that is not met fails the test', async ({ world }) => {
  await world.addActiveScenario('lost-reply')
})

base('without a fixture', async () => {
  const world = await createWorld()
  await world.assertExpectations()
  await world.drop()
})
