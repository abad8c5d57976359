const { worldForEachTest } = require('@payments-sandbox/client')

const world = worldForEachTest({ beforeEach, afterEach })

test('a world of its own', async () => {
  const { name } = await world().retrieveWorld()
  expect(name).toBe('a world of its own')
})

test('an expectation that is not met fails the test', async () => {
  await world().addActiveScenario('lost-reply')
})
