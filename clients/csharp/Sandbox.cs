// Not run: this file was written from the documentation of .NET 8, without an SDK to compile it.

using System;
using System.Diagnostics;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;

/// <summary>
/// Gives each test its own world of payments-sandbox: copy this file into your tests, and write
/// <c>await using var world = await Sandbox.WorldAsync();</c>.
///
/// Worlds are made on the server of <c>payments-sandbox run -- dotnet test</c>. Without it, the first
/// world starts a server that ends with this process, even if that is killed.
/// </summary>
public sealed class Sandbox : IAsyncDisposable
{
    private sealed record Server(string Url, string? Token, Process? Held);

    private static readonly HttpClient Http = new();
    private static readonly Lazy<Task<Server>> Found = new(FindAsync);

    private readonly Server server;

    private Sandbox(Server server) => this.server = server;

    /// <summary>The base URL of the Payments API; ends in /v3.</summary>
    public string BaseUrl { get; private set; } = "";

    public string? ApiKey { get; private set; }

    public string WebhookSecret { get; private set; } = "";

    /// <summary>Make a world; wishes are the body of POST /_sandbox/worlds, such as <c>new { clock = "…" }</c>.</summary>
    public static async Task<Sandbox> WorldAsync(object? wishes = null)
    {
        var world = new Sandbox(await Found.Value);
        var made = await world.ControlAsync(HttpMethod.Post, "/worlds", wishes ?? new { });
        world.BaseUrl = (string)made!["base_url"]!;
        world.ApiKey = (string)made["api_key"]!;
        world.WebhookSecret = (string)made["webhook_secret"]!;
        return world;
    }

    /// <summary>Call the control API, below /_sandbox; throws if it rejects the request.</summary>
    public async Task<JsonNode?> ControlAsync(HttpMethod method, string path, object? body = null)
    {
        using var reply = await SendAsync(method, path, body, "application/json");
        var text = await reply.Content.ReadAsStringAsync();
        if (!reply.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"{method} {path} is {(int)reply.StatusCode}: {text}");
        }

        return text.Length == 0 ? null : JsonNode.Parse(text);
    }

    /// <summary>Advance the clock by "1h" or "3d", and wait until everything that is due has happened.</summary>
    public Task AdvanceAsync(string by) => ControlAsync(HttpMethod.Post, "/clock/advance", new { by });

    /// <summary>Activate a scenario of the library, such as "lost-reply".</summary>
    public Task PlayAsync(string scenario) => ControlAsync(HttpMethod.Post, "/scenarios/active", scenario);

    /// <summary>Drop the world, and throw if an expectation of its scenarios was not met.</summary>
    public async ValueTask DisposeAsync()
    {
        var isMet = (bool)(await ControlAsync(HttpMethod.Get, "/report"))!["passed"]!;
        using var reply = await SendAsync(HttpMethod.Get, "/report", null, "text/plain");
        var report = await reply.Content.ReadAsStringAsync();
        await ControlAsync(HttpMethod.Delete, "/world");
        if (!isMet)
        {
            throw new InvalidOperationException($"the sandbox's report:\n{report}");
        }
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, string accept)
    {
        var request = new HttpRequestMessage(method, server.Url + path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        if (ApiKey is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ApiKey);
        }

        if (server.Token is not null)
        {
            request.Headers.Add("Sandbox-Token", server.Token);
        }

        if (body is not null)
        {
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        }

        return Http.SendAsync(request);
    }

    private static async Task<Server> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("PAYMENTS_SANDBOX_URL") is { Length: > 0 } url)
        {
            return new Server(url, Environment.GetEnvironmentVariable("PAYMENTS_SANDBOX_CONTROL_TOKEN"), null);
        }

        // The server ends when its stdin is closed, and the system closes this pipe when our process ends.
        var start = new ProcessStartInfo("payments-sandbox", "serve --port 0 --until-stdin-closes")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start)!;
        var line = await process.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException("payments-sandbox ended before it was ready");
        return new Server((string)JsonNode.Parse(line)!["sandbox_url"]!, null, process);
    }
}
