import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own Java client behind a line protocol: the neutral writer and reader of the tests. One JVM serves a whole test file.
 *
 * Requests are lines of tab-separated words, answered by lines and a final "ok" or "error TEXT". Bytes are base64, "-" is null.
 *
 * producer NAME key=value…            opens a producer with these settings
 * send NAME TOPIC PARTITION TIMESTAMP KEY VALUE HEADERKEY:HEADERVALUE…
 * flush NAME | begin NAME | commit NAME | abort NAME | close NAME | init NAME
 * read BOOTSTRAP TOPIC PARTITION FROM MAX ISOLATION    prints offset timestamp type key value headers…
 * commit-offset BOOTSTRAP GROUP TOPIC PARTITION OFFSET METADATA
 */
public final class JavaClient {
  private static final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
  private static final PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false, StandardCharsets.UTF_8);

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    List<java.util.concurrent.Future<?>> sends = new ArrayList<>();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split("\t", -1);
      try {
        switch (words[0]) {
          case "producer" -> producers.put(words[1], producer(words));
          case "send" -> {
            sends.add(send(words));
            continue; // answered by the flush that follows
          }
          case "flush" -> {
            producers.get(words[1]).flush();
            for (java.util.concurrent.Future<?> sent : sends) sent.get();
            sends.clear();
          }
          case "init" -> producers.get(words[1]).initTransactions();
          case "begin" -> producers.get(words[1]).beginTransaction();
          case "commit" -> {
            producers.get(words[1]).commitTransaction();
            sends.clear();
          }
          case "abort" -> {
            producers.get(words[1]).abortTransaction();
            sends.clear();
          }
          case "close" -> producers.remove(words[1]).close(Duration.ofSeconds(5));
          case "read" -> read(words);
          case "commit-offset" -> commitOffset(words);
          default -> throw new IllegalArgumentException("unknown request " + words[0]);
        }
        out.println("ok");
      } catch (Exception error) {
        sends.clear();
        out.println("error " + String.valueOf(error).replace('\n', ' '));
      }
      out.flush();
    }
    Runtime.getRuntime().halt(0);
  }

  private static KafkaProducer<byte[], byte[]> producer(String[] words) {
    Map<String, Object> settings = new HashMap<>();
    for (int i = 2; i < words.length; i++) {
      int equals = words[i].indexOf('=');
      settings.put(words[i].substring(0, equals), words[i].substring(equals + 1));
    }
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static java.util.concurrent.Future<?> send(String[] words) {
    List<Header> headers = new ArrayList<>();
    for (int i = 7; i < words.length; i++) {
      int colon = words[i].indexOf(':');
      headers.add(new RecordHeader(new String(bytes(words[i].substring(0, colon)), StandardCharsets.UTF_8), bytes(words[i].substring(colon + 1))));
    }
    Long timestamp = words[4].equals("-") ? null : Long.valueOf(words[4]);
    Integer partition = words[3].equals("-") ? null : Integer.valueOf(words[3]);
    return producers.get(words[1]).send(new ProducerRecord<>(words[2], partition, timestamp, bytes(words[5]), bytes(words[6]), headers));
  }

  private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String isolation, String group) {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("isolation.level", isolation);
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "none");
    settings.put("max.partition.fetch.bytes", "16777216");
    if (group != null) settings.put("group.id", group);
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static void read(String[] words) {
    TopicPartition partition = new TopicPartition(words[2], Integer.parseInt(words[3]));
    long most = Long.parseLong(words[5]);
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(words[1], words[6], null)) {
      consumer.assign(List.of(partition));
      long start = consumer.beginningOffsets(List.of(partition)).get(partition);
      consumer.seek(partition, Math.max(start, Long.parseLong(words[4])));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      long printed = 0;
      while (consumer.position(partition) < end && printed < most) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200)).records(partition)) {
          if (printed++ < most) print(record);
        }
      }
    }
  }

  private static void print(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder line = new StringBuilder("r\t").append(record.offset()).append('\t').append(record.timestamp()).append('\t')
        .append(record.timestampType().name).append('\t').append(text(record.key())).append('\t').append(text(record.value()));
    for (Header header : record.headers()) {
      line.append('\t').append(text(header.key().getBytes(StandardCharsets.UTF_8))).append(':').append(text(header.value()));
    }
    out.println(line);
  }

  private static void commitOffset(String[] words) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(words[1], "read_committed", words[2])) {
      consumer.commitSync(Map.of(new TopicPartition(words[3], Integer.parseInt(words[4])),
          new OffsetAndMetadata(Long.parseLong(words[5]), Optional.empty(), words[6])));
    }
  }

  private static byte[] bytes(String word) {
    return word.equals("-") ? null : Base64.getDecoder().decode(word);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }
}
