'use strict'

// An error response of the control API, with its `code` and `details`; `body` is the whole answer.
class ControlApiError extends Error {
  constructor(method, url, status, body) {
    const { code, message, details } = body?.error ?? {}
    super(`${method} ${url}: ${[status, code].filter(Boolean).join(' ')}: ${details ?? message ?? body}`)
    Object.assign(this, { name: 'ControlApiError', status, code, details, body })
  }
}

// Sends requests to the control API of one server, for one world.
class Transport {
  constructor({ sandboxUrl, apiKey, controlToken }) {
    Object.assign(this, { sandboxUrl, apiKey, controlToken })
  }

  async _ask(method, path, { body, query } = {}) {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const reply = await this.#send(method, path, query, headers, JSON.stringify(body))
    const text = await reply.text()
    return text ? JSON.parse(text) : undefined
  }

  async _text(path) {
    return (await this.#send('GET', path, {}, { accept: 'text/plain' })).text()
  }

  async _raw(method, path, { body, headers }) {
    const reply = await fetch(this.#url(path), { method, body, headers: this.#headers(headers) })
    await reply.arrayBuffer()
    return reply.status
  }

  async * _stream(method, path, { query } = {}) {
    const reply = await this.#send(method, path, query, {})
    let text = ''
    for await (const chunk of reply.body.pipeThrough(new TextDecoderStream())) {
      const messages = (text + chunk).split('\n\n')
      text = messages.pop()
      for (const lines of messages.map((message) => message.split('\n'))) {
        const { data, event, id } = Object.fromEntries(lines.map((line) => line.split(/: ?(.*)/s)))
        if (data) yield { kind: event, value: JSON.parse(data), id }
      }
    }
  }

  async #send(method, path, query, headers, body) {
    const url = this.#url(path, query)
    const reply = await fetch(url, { method, body, headers: this.#headers(headers) })
    if (reply.ok) return reply
    const text = await reply.text()
    throw new ControlApiError(method, url, reply.status, asJson(text))
  }

  #url(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    return this.sandboxUrl + path + (given.length ? `?${new URLSearchParams(given)}` : '')
  }

  #headers(more) {
    return {
      ...this.apiKey && { authorization: `Bearer ${this.apiKey}` },
      ...this.controlToken && { 'sandbox-token': this.controlToken },
      ...more,
    }
  }
}

function asJson(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

module.exports = { ControlApiError, Transport }
