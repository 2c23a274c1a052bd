import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes records with their time to the source at a steady rate, and reads them at the target as a consumer of committed records
 * does, in one process: one clock for both ends. Prints microseconds: median, 99th and 99.9th percentile and largest from the writing
 * to the reading; the same from the writing to the source's acknowledgement; the number of records; the largest of every second.
 *
 * SOURCE SOURCE_TOPIC TARGET TARGET_TOPIC PARTITIONS RECORDS_PER_SECOND RECORD_BYTES WARM_UP_SECONDS SECONDS PATIENCE_SECONDS
 */
public final class ReplicationLatency {
  private static final long MILLISECOND = 1_000_000;
  private static final long SECOND = 1_000 * MILLISECOND;

  public static void main(String[] args) throws Exception {
    String source = args[0], sourceTopic = args[1], target = args[2], targetTopic = args[3];
    int partitions = Integer.parseInt(args[4]), rate = Integer.parseInt(args[5]), bytes = Integer.parseInt(args[6]);
    int warmUp = Integer.parseInt(args[7]), seconds = Integer.parseInt(args[8]);
    long patience = Long.parseLong(args[9]) * SECOND;
    int all = rate * (warmUp + seconds);
    AtomicLong began = new AtomicLong();
    long[] acknowledged = new long[rate * seconds];
    Thread writer = new Thread(() -> write(source, sourceTopic, partitions, rate, bytes, all, began, acknowledged));
    try (KafkaConsumer<byte[], byte[]> consumer = reader(target)) {
      writer.start();
      while (began.get() == 0) Thread.sleep(1);
      assign(consumer, targetTopic, partitions, patience);
      long measuredFrom = began.get() + warmUp * SECOND;
      long[] latencies = new long[rate * seconds];
      long[] worst = new long[seconds];
      int seen = 0, measured = 0;
      long heard = System.nanoTime();
      while (seen < all) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          long now = System.nanoTime();
          long sent = ByteBuffer.wrap(record.value()).getLong();
          heard = now;
          seen++;
          if (sent < measuredFrom || measured == latencies.length) continue;
          long latency = now - sent;
          latencies[measured++] = latency;
          int second = (int) Math.min(seconds - 1, (sent - measuredFrom) / SECOND);
          worst[second] = Math.max(worst[second], latency);
        }
        if (System.nanoTime() - heard > patience) throw new IllegalStateException(seen + " of " + all + " records came");
      }
      writer.join();
      StringBuilder line = new StringBuilder();
      for (long[] times : new long[][] {Arrays.copyOf(latencies, measured), acknowledged}) {
        Arrays.sort(times);
        for (double share : new double[] {0.5, 0.99, 0.999, 1}) line.append(at(times, share)).append(' ');
      }
      line.append(measured);
      for (long nanos : worst) line.append(' ').append(nanos / 1000);
      System.out.println(line);
    }
    Runtime.getRuntime().halt(0);
  }

  private static long at(long[] sorted, double share) {
    return sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))] / 1000;
  }

  private static KafkaConsumer<byte[], byte[]> reader(String bootstrap) {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", bootstrap,
        "isolation.level", "read_committed",
        "enable.auto.commit", "false",
        "allow.auto.create.topics", "false",
        "auto.offset.reset", "earliest",
        "max.poll.records", "5000");
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** The replication may still have to make the topic. */
  private static void assign(KafkaConsumer<byte[], byte[]> consumer, String topic, int partitions, long patience) throws Exception {
    long deadline = System.nanoTime() + patience;
    while (!consumer.listTopics().containsKey(topic)) {
      if (System.nanoTime() > deadline) throw new IllegalStateException("there is no topic " + topic);
      Thread.sleep(50);
    }
    List<TopicPartition> places = new ArrayList<>();
    for (int partition = 0; partition < partitions; partition++) places.add(new TopicPartition(topic, partition));
    consumer.assign(places);
    consumer.seekToBeginning(places);
  }

  /** Writes steadily, and takes the times of those acknowledgements that count: as many as fit, the last ones. */
  private static void write(String bootstrap, String topic, int partitions, int rate, int bytes, int all, AtomicLong began, long[] acknowledged) {
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap);
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.partitionsFor(topic);
      long start = System.nanoTime();
      began.set(start);
      for (int i = 0; i < all; i++) {
        long due = start + i * SECOND / rate;
        for (long wait; (wait = due - System.nanoTime()) > 0; ) LockSupport.parkNanos(Math.max(wait, MILLISECOND));
        byte[] value = new byte[bytes];
        long sent = System.nanoTime();
        ByteBuffer.wrap(value).putLong(sent);
        int measured = i - (all - acknowledged.length);
        producer.send(new ProducerRecord<>(topic, i % partitions, null, value), (metadata, error) -> {
          if (measured >= 0) acknowledged[measured] = System.nanoTime() - sent;
        });
      }
    }
  }
}
