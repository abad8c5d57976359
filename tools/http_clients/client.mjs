// fetch of Node: see the package's docstring.
const [, , how, url, key, body] = process.argv
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
try {
  if (how === 'warm') await (await fetch(url, { headers })).text()
  const reply = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(2000) })
  if (!reply.ok) console.log(`status ${reply.status}`)
  else console.log((await reply.json()).status)
} catch (error) {
  console.log(error.cause?.code ?? (error.name === 'TypeError' ? error.message : error.name))
}
