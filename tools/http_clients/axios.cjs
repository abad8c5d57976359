// axios of Node, where NODE_PATH leads to it: see the package's docstring.
const http = require('node:http')
const axios = require('axios')

const [, , how, url, key, body] = process.argv
const client = axios.create({
  timeout: 2000,
  proxy: false,
  httpAgent: new http.Agent({ keepAlive: true, maxSockets: 1 }),
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
})

async function main() {
  try {
    if (how === 'warm') await client.get(url)
    const { data, status } = await client.post(url, body)
    console.log(data.status ?? `${status}, status undefined`)
  } catch (error) {
    console.log(error.response?.status >= 300 ? `status ${error.response.status}` : error.code)
  }
  process.exit()
}
main()
