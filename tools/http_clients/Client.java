// java.net.http and HttpURLConnection of Java: see the package's docstring.

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

class Client {
  public static void main(String[] given) throws InterruptedException, GeneralSecurityException, IOException {
    String authority = System.getenv("PAYMENTS_CA_FILE");
    if (authority != null) SSLContext.setDefault(trusting(Path.of(authority)));
    String body = given[4];
    boolean isOld = given[0].equals("HttpURLConnection");
    try {
      if (given[1].equals("warm")) said(given, isOld, "GET", null);
      System.out.println(said(given, isOld, "POST", body));
    } catch (IOException error) {
      String message = String.valueOf(error.getMessage());
      System.out.println(error.getClass().getSimpleName() + " (" + message.split("[,:(\\[]")[0].strip() + ")");
    }
  }

  private static SSLContext trusting(Path authority) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream file = Files.newInputStream(authority)) {
      store.setCertificateEntry("sandbox", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  /** Made when it is first used: it takes the context that is the default then. */
  private static class Shared {
    static final HttpClient HTTP = HttpClient.newHttpClient();
  }

  private static String said(String[] given, boolean isOld, String method, String body)
      throws IOException, InterruptedException {
    URI url = URI.create(given[2]);
    int status;
    String text;
    if (isOld) {
      HttpURLConnection connection = (HttpURLConnection) url.toURL().openConnection();
      connection.setRequestMethod(method);
      connection.setReadTimeout(2000);
      connection.setRequestProperty("Authorization", "Bearer " + given[3]);
      connection.setRequestProperty("Content-Type", "application/json");
      if (body != null) {
        connection.setDoOutput(true);
        try (OutputStream out = connection.getOutputStream()) {
          out.write(body.getBytes(StandardCharsets.UTF_8));
        }
      }
      status = connection.getResponseCode();
      text = status >= 300 ? "" : new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } else {
      HttpRequest request = HttpRequest.newBuilder(url)
          .timeout(Duration.ofSeconds(2))
          .header("Authorization", "Bearer " + given[3])
          .header("Content-Type", "application/json")
          .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
          .build();
      HttpResponse<String> reply = Shared.HTTP.send(request, BodyHandlers.ofString());
      status = reply.statusCode();
      text = reply.body();
    }
    if (status >= 300) return "status " + status;
    if (text.isEmpty()) return status + ", empty";
    return text.endsWith("}") && text.contains("\"status\":\"completed\"") ? "completed" : status + ", a part";
  }
}
