import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's own command-line tools inside this JVM, one after the other: they cost seconds only where a JVM has to be
 * started for each. What they print and their exit status are caught.
 */
final class KafkaTool {
  private static final Sink standardOut = new Sink();
  private static final Sink standardErr = new Sink();
  private static Integer status;

  private KafkaTool() {}

  record Result(int status, byte[] out, byte[] err) {}

  /** Before anything prints: Scala keeps the stream that it finds first. */
  static void prepare() {
    System.setOut(new PrintStream(standardOut, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(standardErr, true, StandardCharsets.UTF_8));
    Exit.setExitProcedure((code, message) -> exit(code));
    Exit.setHaltProcedure((code, message) -> exit(code));
  }

  static Result run(String mainClass, byte[] input, String[] words) throws Exception {
    status = null;
    standardOut.target = new ByteArrayOutputStream();
    standardErr.target = new ByteArrayOutputStream();
    java.io.InputStream in = System.in;
    System.setIn(new ByteArrayInputStream(input));
    try {
      Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) words);
    } catch (InvocationTargetException thrown) {
      if (!(thrown.getCause() instanceof Exited)) {
        thrown.getCause().printStackTrace();
        if (status == null) status = 1;
      }
    } finally {
      System.setIn(in);
      System.out.flush();
      System.err.flush();
    }
    Result result = new Result(status == null ? 0 : status, standardOut.target.toByteArray(), standardErr.target.toByteArray());
    standardOut.target = new ByteArrayOutputStream();
    standardErr.target = new ByteArrayOutputStream();
    return result;
  }

  /** The first exit counts: a tool may catch it and go on to another. */
  private static void exit(int code) {
    if (status == null) status = code;
    throw new Exited();
  }

  private static final class Exited extends Error {
    private static final long serialVersionUID = 1L;

    Exited() {
      super(null, null, false, false);
    }
  }

  /** Always the same stream, which writes to where it is told. */
  private static final class Sink extends OutputStream {
    private volatile ByteArrayOutputStream target = new ByteArrayOutputStream();

    @Override
    public void write(int one) {
      target.write(one);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      target.write(bytes, from, length);
    }
  }
}
