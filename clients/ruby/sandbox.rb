# frozen_string_literal: true

require "json"
require "net/http"

# Gives each test a world of payments-sandbox: copy this file among your tests.
#
# Worlds are made on the server of `payments-sandbox run -- rake test`, or else on one that is
# started when it is first needed and ends with this process, however that ends.
module Sandbox
  # What the control API has refused.
  class Refused < StandardError; end

  # What a scenario expected, and was not so.
  class ExpectationsNotMet < StandardError; end

  # All that belongs to one API key: payments, a clock, scenarios, a journal.
  class World
    attr_reader :base_url, :api_key, :webhook_secret

    # Wishes are those of POST /_sandbox/worlds, such as clock: "2030-01-15T09:00:00Z".
    def initialize(**wishes)
      made = control("POST", "/worlds", wishes)
      @api_key, @base_url, @webhook_secret = made.values_at("api_key", "base_url", "webhook_secret")
    end

    # Call the control API, below /_sandbox; a refusal raises.
    def control(method, path, body = nil)
      reply = send_request(method, path, body, "application/json")
      raise Refused, "#{method} #{path} is #{reply.code}: #{reply.body}" unless reply.is_a?(Net::HTTPSuccess)

      JSON.parse(reply.body) unless reply.body.to_s.empty?
    end

    # Move the clock by "1h" or "3d"; when it returns, all that fell due has happened.
    def advance(by) = control("POST", "/clock/advance", { by: by })

    # Activate a scenario of the library, such as "lost-reply".
    def play(scenario) = control("POST", "/scenarios/active", scenario)

    # Raise where the world's scenarios expected what was not met, and drop it.
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

  # The address of the control API, and the token that it demands, if any.
  def self.server
    @starting.synchronize { @server ||= ENV["PAYMENTS_SANDBOX_URL"] ? given : started }
  end

  def self.given = [ENV["PAYMENTS_SANDBOX_URL"], ENV["PAYMENTS_SANDBOX_CONTROL_TOKEN"]]

  # Its stdin is a pipe, which the system closes when this process ends: it ends then, too.
  def self.started
    @held = IO.popen(%w[payments-sandbox serve --port 0 --until-stdin-closes], "r+", err: File::NULL)
    line = @held.gets or raise "payments-sandbox has ended before it was ready"
    [JSON.parse(line)["sandbox_url"], nil]
  rescue Errno::ENOENT
    raise "no payments-sandbox: pip install payments-sandbox"
  end
  private_class_method :given, :started

  # For minitest: `include Sandbox::EachTest`, and each test has its `world`.
  module EachTest
    def world = @world ||= World.new(name: "#{self.class}##{name}", clock: "2030-01-15T09:00:00Z")

    def teardown
      super
      @world&.judge_and_drop
    end
  end
end
