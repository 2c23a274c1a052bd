import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

/**
 * The JVM of the tests: each connection to its port, which it prints first, is a session of {@link JavaClient}. What a session has opened ends with
 * its connection. Ends itself when its standard input does.
 */
public final class TestHost {
  private TestHost() {}

  public static void main(String[] args) throws Exception {
    InputStream lifeline = System.in;
    PrintStream out = System.out;
    KafkaTool.prepare(new PrintStream(System.err, true));
    ServerSocket listener = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
    Thread accepting = new Thread(() -> accept(listener), "sessions");
    accepting.setDaemon(true);
    accepting.start();
    out.println(listener.getLocalPort());
    out.flush();
    while (lifeline.read() >= 0) {}
    System.exit(0);
  }

  private static void accept(ServerSocket listener) {
    try {
      while (true) {
        Socket socket = listener.accept();
        Thread session = new Thread(() -> serve(socket), "session");
        session.setDaemon(true);
        session.start();
      }
    } catch (IOException error) {
      error.printStackTrace();
    }
  }

  private static void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      try (JavaClient client = new JavaClient(socket.getInputStream(), socket.getOutputStream())) {
        client.serve();
      }
    } catch (IOException | RuntimeException error) {
      // The test process is gone, or what it used.
    }
  }
}
