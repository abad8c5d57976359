# frozen_string_literal: true

require "json"
require "net/http"

# Gives each test its own world of payments-sandbox: copy this file into your tests.
#
# Worlds are made on the server of `payments-sandbox run -- rake test`. Without it, the first world
# starts a server that ends with this process, even if that is killed.
module Sandbox
  # The control API rejected a request.
  class Refused < StandardError; end

  # An expectation of a scenario was not met.
  class ExpectationsNotMet < StandardError; end

  # Everything that belongs to one API key: payments, a clock, scenarios, a journal.
  class World
    attr_reader :base_url, :api_key, :webhook_secret

    # Make a world; wishes are the body of POST /_sandbox/worlds, such as clock: "2030-01-15T09:00:00Z".
    def initialize(**wishes)
      made = control("POST", "/worlds", wishes)
      @api_key, @base_url, @webhook_secret = made.values_at("api_key", "base_url", "webhook_secret")
    end

    # Call the control API, below /_sandbox; raises Refused if it rejects the request.
    def control(method, path, body = nil)
      reply = send_request(method, path, body, "application/json")
      raise Refused, "#{method} #{path} is #{reply.code}: #{reply.body}" unless reply.is_a?(Net::HTTPSuccess)

      JSON.parse(reply.body) unless reply.body.to_s.empty?
    end

    # Advance the clock by "1h" or "3d", and return when everything that is due has happened.
    def advance(by) = control("POST", "/clock/advance", { by: by })

    # Activate a scenario of the library, such as "lost-reply".
    def play(scenario) = control("POST", "/scenarios/active", scenario)

    # Drop the world, and raise ExpectationsNotMet if an expectation of its scenarios was not met.
    def judge_and_drop
      is_met = control("GET", "/report")["passed"]
      report = send_request("GET", "/report", nil, "text/plain").body
      control("DELETE", "/world")
      raise ExpectationsNotMet, "the sandbox's report:\n#{report}" unless is_met
    end

    private

    def send_request(method, path, body, accept)
      url, token = Sandbox.server
      uri = URI(url + path)
      headers = { "Accept" => accept, "Content-Type" => "application/json" }
      headers["Authorization"] = "Bearer #{api_key}" if api_key
      headers["Sandbox-Token"] = token if token
      Net::HTTP.start(uri.host, uri.port, nil) do |http|
        http.send_request(method, uri.request_uri, body && JSON.generate(body), headers)
      end
    end
  end

  @starting = Mutex.new

  # The URL of the control API, and the token that it requires, if any.
  def self.server
    @starting.synchronize { @server ||= ENV["PAYMENTS_SANDBOX_URL"] ? given : started }
  end

  def self.given = [ENV["PAYMENTS_SANDBOX_URL"], ENV["PAYMENTS_SANDBOX_CONTROL_TOKEN"]]

  # The server ends when its stdin is closed, and the system closes this pipe when our process ends.
  def self.started
    @held = IO.popen(%w[payments-sandbox serve --port 0 --until-stdin-closes], "r+", err: File::NULL)
    line = @held.gets or raise "payments-sandbox ended before it was ready"
    [JSON.parse(line)["sandbox_url"], nil]
  rescue Errno::ENOENT
    raise "payments-sandbox not found: pip install payments-sandbox"
  end
  private_class_method :given, :started

  # For minitest: with `include Sandbox::EachTest`, `world` is the world of the test.
  module EachTest
    def world = @world ||= World.new(name: "#{self.class}##{name}", clock: "2030-01-15T09:00:00Z")

    def teardown
      super
      @world&.judge_and_drop
    end
  end
end
