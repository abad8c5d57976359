import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives each JUnit 5 test its own world of payments-sandbox: copy this file into your tests, and write
 * {@code @ExtendWith(Sandbox.class)} and {@code void aTest(Sandbox.World world)}.
 *
 * <p>Worlds are made on the server of {@code payments-sandbox run -- mvn verify}. Without it, the first
 * world starts a server that ends with this JVM, even if that is killed.
 */
public final class Sandbox implements ParameterResolver, AfterEachCallback {
  private static final Namespace NAMESPACE = Namespace.create(Sandbox.class);
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final Pattern ESCAPE = Pattern.compile("\\\\(u[0-9a-fA-F]{4}|.)");

  private static Server server;

  private record Server(String url, String token, Process held) {}

  /** Everything that belongs to one API key: payments, a clock, scenarios, a journal. */
  public static final class World {
    /** The base URL of the Payments API; ends in /v3. */
    public final String baseUrl;
    public final String apiKey;
    public final String webhookSecret;
    private final Server server;

    private World(Server server, String wishes) {
      String made = answer(server, null, "POST", "/worlds", wishes);
      this.server = server;
      this.apiKey = text(made, "api_key");
      this.baseUrl = text(made, "base_url");
      this.webhookSecret = text(made, "webhook_secret");
    }

    /** Call the control API, below /_sandbox, with a JSON body or null; an error response throws AssertionError. */
    public String control(String method, String path, String body) {
      return answer(server, apiKey, method, path, body);
    }

    /** Advance the clock by "1h" or "3d", and return when everything that is due has happened. */
    public String advance(String by) {
      return control("POST", "/clock/advance", "{\"by\": " + quoted(by) + "}");
    }

    /** Activate a scenario of the library, such as "lost-reply". */
    public void play(String scenario) {
      control("POST", "/scenarios/active", quoted(scenario));
    }

    private void judgeAndDrop() {
      boolean isMet = control("GET", "/report", null).contains("\"passed\":true");
      String report = send(server, apiKey, "GET", "/report", null, "text/plain").body();
      control("DELETE", "/world", null);
      if (!isMet) throw new AssertionError("the sandbox's report:\n" + report);
    }
  }

  /** Make a world with the given settings, such as {"clock": "2030-01-15T09:00:00Z"}; you have to drop it. */
  public static World world(String wishes) {
    return new World(server(), wishes);
  }

  /** Return the text of the first field with this name in JSON; for more, use a JSON library. */
  public static String text(String json, String field) {
    Matcher found = Pattern.compile(quoted(field) + ":\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    if (!found.find()) throw new AssertionError("no text field " + field + " in " + json);
    return ESCAPE.matcher(found.group(1)).replaceAll(each -> Matcher.quoteReplacement(unescaped(each.group(1))));
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == World.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    String name = context.getRequiredTestClass().getName() + "." + context.getRequiredTestMethod().getName();
    World made = world("{\"name\": " + quoted(name) + ", \"clock\": \"2030-01-15T09:00:00Z\"}");
    context.getStore(NAMESPACE).put(World.class, made);
    return made;
  }

  @Override
  public void afterEach(ExtensionContext context) {
    World made = context.getStore(NAMESPACE).remove(World.class, World.class);
    if (made != null) made.judgeAndDrop();
  }

  private static String answer(Server server, String key, String method, String path, String body) {
    HttpResponse<String> reply = send(server, key, method, path, body, "application/json");
    if (reply.statusCode() < 300) return reply.body();
    throw new AssertionError(method + " " + path + " is " + reply.statusCode() + ": " + reply.body());
  }

  private static HttpResponse<String> send(
      Server server, String key, String method, String path, String body, String accept) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(server.url + path))
        .header("Accept", accept)
        .header("Content-Type", "application/json")
        .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (key != null) request.header("Authorization", "Bearer " + key);
    if (server.token != null) request.header("Sandbox-Token", server.token);
    try {
      return HTTP.send(request.build(), BodyHandlers.ofString());
    } catch (IOException error) {
      throw new AssertionError("no answer from the sandbox at " + server.url, error);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      throw new AssertionError(error);
    }
  }

  private static synchronized Server server() {
    if (server == null) {
      String url = System.getenv("PAYMENTS_SANDBOX_URL");
      server = url == null ? started() : new Server(url, System.getenv("PAYMENTS_SANDBOX_CONTROL_TOKEN"), null);
    }
    return server;
  }

  private static Server started() {
    try {
      // The server ends when its stdin is closed, and the system closes this pipe when the JVM ends.
      Process process = new ProcessBuilder("payments-sandbox", "serve", "--port", "0", "--until-stdin-closes")
          .redirectError(ProcessBuilder.Redirect.DISCARD)
          .start();
      String line = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
      if (line == null) throw new AssertionError("payments-sandbox exited with " + process.waitFor());
      return new Server(text(line, "sandbox_url"), null, process);
    } catch (IOException error) {
      throw new AssertionError("payments-sandbox not found: pip install payments-sandbox", error);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      throw new AssertionError(error);
    }
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private static String unescaped(String escape) {
    return switch (escape.charAt(0)) {
      case 'u' -> String.valueOf((char) Integer.parseInt(escape.substring(1), 16));
      case 'n' -> "\n";
      case 't' -> "\t";
      case 'r' -> "\r";
      case 'b' -> "\b";
      case 'f' -> "\f";
      default -> escape;
    };
  }
}
