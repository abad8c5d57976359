'use strict'

// Tests of the package with Node's own test runner; nothing has to be installed.

const assert = require('node:assert/strict')
const { afterEach, beforeEach, test } = require('node:test')
const { ControlApiError, ExpectationsNotMet, startServer, worldForEachTest } = require('..')

const world = worldForEachTest({ beforeEach, afterEach }, { clock: '2030-01-15T09:00:00Z' })

function pay(card_number, { baseUrl, headers } = world()) {
  const payment_method = { type: 'card', card_number, exp_month: 12, exp_year: 2034, cvc: '123' }
  const body = JSON.stringify({ amount: 2500, currency: 'USD', payment_method, customer_id: 'ada' })
  return fetch(`${baseUrl}/payments`, { method: 'POST', headers, body })
}

test('each test has its own world, named after the test', async (t) => {
  assert.equal((await pay('4111111111111111')).status, 201)
  const { name, payments } = await world().retrieveWorld()
  assert.deepEqual([name, payments.completed], [t.name, 1])
})

test('the next test starts with an empty world', async () => {
  assert.equal((await world().retrieveWorld()).payments.completed, 0)
})

test('advancing the clock executes what is due', async () => {
  await pay('4000009900000012')
  const { happened } = await world().advanceClock({ by: '1h' })
  assert.deepEqual(happened.map(({ what }) => what), ['payment.completed'])
})

test('an inbox receives and verifies webhooks', async () => {
  await world().createWebhookEndpoint({ url: 'inbox:orders', events: ['payment.*'] })
  await pay('4111111111111111')
  const { data } = await world().readInbox('orders', { wait: '5s', count: 1 })
  assert.deepEqual(data.map(({ verified }) => verified), [true])
  assert.equal(await world().receiveWebhook('orders', '{}', {}), 200)
  await world().emptyInbox('orders')
})

test('a rejected request throws an error that says why', async () => {
  const refused = world().advanceClock({ by: 'soon' })
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof ControlApiError)
    assert.deepEqual([error.status, error.code], [400, 'invalid_request'])
    assert.match(error.message, /expected a duration/)
    return true
  })
})

test('an unmet expectation throws an error that says what was seen', async () => {
  await world().addActiveScenario('lost-reply')
  await assert.rejects(world().assertExpectations(), (error) => {
    assert.ok(error instanceof ExpectationsNotMet)
    assert.match(error.message, /^The sandbox's report: failed: 3 of 4 expectations not met/)
    assert.match(error.message, /NOT MET {2}\{retries: create_payment, max: 0\}\n +saw no create_payment/)
    assert.equal(error.report.passed, false)
    return true
  })
  await world().removeActiveScenarios()
})

test('the stream reports each request', async () => {
  await pay('4111111111111111')
  for await (const { kind, value } of world().stream({ last: 1 })) {
    assert.deepEqual([kind, value.operation], ['request', 'create_payment'])
    break
  }
})

test('a server can be started with options and stopped', async () => {
  const server = await startServer({ options: ['--clock', '2031-01-01', '--control-token', 't'] })
  const made = await server.createWorld({ name: 'mine' })
  assert.equal((await made.retrieveClock()).now, '2031-01-01T00:00:00Z')
  await made.drop()
  await server.stop()
  await assert.rejects(fetch(server.baseUrl))
})

test('a server that cannot start throws an error that says what would help', async () => {
  await assert.rejects(startServer({ command: ['no-such-sandbox'] }), /pip install payments-sandbox/)
  await assert.rejects(startServer({ options: ['--port', 'x'] }), /it exited with 2/)
})
