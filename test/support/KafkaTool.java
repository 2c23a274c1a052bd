import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's own command-line tools inside this JVM: they cost seconds only where a JVM has to be started for each. What one prints, what it
 * reads and its exit status belong to its thread and the threads that this starts, so that several run at once.
 */
final class KafkaTool {
  private static final ThreadLocal<KafkaTool> running = new InheritableThreadLocal<>();

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final InputStream in;
  private volatile Integer status;

  private KafkaTool(byte[] input) {
    in = new ByteArrayInputStream(input);
  }

  record Result(int status, byte[] out, byte[] err) {}

  /** Before anything prints: Scala keeps the stream that it finds first. What no tool prints goes to `log`. */
  static void prepare(PrintStream log) {
    System.setOut(new PrintStream(new Sink(tool -> tool.out, log), true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new Sink(tool -> tool.err, log), true, StandardCharsets.UTF_8));
    System.setIn(new Source());
    Exit.setExitProcedure((code, message) -> exit(code, message));
    Exit.setHaltProcedure((code, message) -> exit(code, message));
  }

  static Result run(String mainClass, byte[] input, String[] words) throws Exception {
    KafkaTool tool = new KafkaTool(input);
    running.set(tool);
    try {
      Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) words);
    } catch (InvocationTargetException thrown) {
      if (!(thrown.getCause() instanceof Exited)) {
        thrown.getCause().printStackTrace();
        if (tool.status == null) tool.status = 1;
      }
    } finally {
      System.out.flush();
      System.err.flush();
      running.remove();
    }
    return new Result(tool.status == null ? 0 : tool.status, tool.out.toByteArray(), tool.err.toByteArray());
  }

  /** The first exit counts: a tool may catch it and go on to another. */
  private static void exit(int code, String message) {
    KafkaTool tool = running.get();
    if (tool == null) System.err.println("A broker wanted to exit with " + code + ": " + message);
    else if (tool.status == null) tool.status = code;
    throw new Exited();
  }

  private static final class Exited extends Error {
    private static final long serialVersionUID = 1L;

    Exited() {
      super(null, null, false, false);
    }
  }

  /** Always the same stream, which writes to the tool of the thread. */
  private static final class Sink extends OutputStream {
    private final Function<KafkaTool, OutputStream> ofTool;
    private final OutputStream otherwise;

    Sink(Function<KafkaTool, OutputStream> ofTool, OutputStream otherwise) {
      this.ofTool = ofTool;
      this.otherwise = otherwise;
    }

    private OutputStream target() {
      KafkaTool tool = running.get();
      return tool == null ? otherwise : ofTool.apply(tool);
    }

    @Override
    public void write(int one) throws IOException {
      target().write(one);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      target().write(bytes, from, length);
    }
  }

  /** Always the same stream, which reads the input of the tool of the thread. */
  private static final class Source extends InputStream {
    @Override
    public int read() throws IOException {
      KafkaTool tool = running.get();
      return tool == null ? -1 : tool.in.read();
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      KafkaTool tool = running.get();
      return tool == null ? -1 : tool.in.read(bytes, from, length);
    }
  }
}
