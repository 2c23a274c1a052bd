import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * CountRecords BOOTSTRAP TOPIC: reads what is committed, from the log start to the end, and prints for each partition: its number, records, how many different
 * numbers their keys are. A record without a key counts as a record only.
 */
public final class CountRecords {
  public static void main(String[] args) {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", args[0], "isolation.level", "read_committed", "enable.auto.commit", "false",
        "max.partition.fetch.bytes", "8388608", "max.poll.records", "5000");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      for (PartitionInfo info : consumer.partitionsFor(args[1])) {
        TopicPartition partition = new TopicPartition(args[1], info.partition());
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        long end = consumer.endOffsets(List.of(partition)).get(partition);
        long records = 0;
        BitSet numbers = new BitSet();
        while (consumer.position(partition) < end) {
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
            records++;
            if (record.key() != null) numbers.set(Integer.parseInt(new String(record.key())));
          }
        }
        System.out.println(partition.partition() + " " + records + " " + numbers.cardinality());
      }
    }
  }
}
