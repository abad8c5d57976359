# net/http of Ruby: see the package's docstring.
require "json"
require "net/http"

how, url, key, body = ARGV
uri = URI(url)
headers = { "Authorization" => "Bearer #{key}", "Content-Type" => "application/json" }
begin
  Net::HTTP.start(uri.host, uri.port, nil, read_timeout: 2, use_ssl: uri.scheme == "https") do |http|
    http.get(uri.path, headers) if how == "warm"
    reply = http.post(uri.path, body, headers)
    puts reply.code >= "300" ? "status #{reply.code}" : JSON.parse(reply.body)["status"]
  end
rescue StandardError => e
  puts e.class
end
