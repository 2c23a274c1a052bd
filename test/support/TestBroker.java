import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.utils.Time;

/**
 * A real broker, as `kafka.Kafka` starts it, beside others in this JVM: with classes that are loaded and code that is compiled it starts in a
 * tenth of the CPU. What only a process of its own can go through, a kill or a pause, it cannot.
 */
final class TestBroker {
  private final KafkaRaftServer server;

  private TestBroker(KafkaRaftServer server) {
    this.server = server;
  }

  /** Returns when it takes requests. */
  static TestBroker start(String file) throws Exception {
    Properties properties = new Properties();
    try (var reader = Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8)) {
      properties.load(reader);
    }
    // Nobody goes on using the cluster, so that leaders need not move.
    properties.put("controlled.shutdown.enable", "false");
    KafkaRaftServer server = new KafkaRaftServer(KafkaConfig.fromProps(properties, false), Time.SYSTEM);
    try {
      server.startup();
    } catch (Throwable error) {
      server.shutdown();
      throw error;
    }
    return new TestBroker(server);
  }

  /** Returns when its folder is no longer used. */
  void end() {
    server.shutdown();
  }
}
