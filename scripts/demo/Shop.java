import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A shop on Kafka, written with Kafka's own Java clients so that nothing of Tidemark judges Tidemark.
 *
 * fill BOOTSTRAP: makes the topics, writes orders, payments, clicks and customers, and lets five groups read to different places.
 * next BOOTSTRAP: prints, for every group and partition, the position and the record that the group would read next.
 */
public final class Shop {
  private static final int ORDERS = 20_000;
  private static final int PAYMENTS = 6_000;
  private static final int CUSTOMERS = 400;
  private static final int CLICKS = 12_000;

  public static void main(String[] args) throws Exception {
    if (args[0].equals("fill")) fill(args[1]);
    else next(args[1]);
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static void fill(String bootstrap) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(
          new NewTopic("orders", 3, (short) 1),
          new NewTopic("payments", 2, (short) 1).configs(Map.of("retention.ms", "604800000")),
          new NewTopic("customers", 1, (short) 1).configs(Map.of(
              "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.01", "segment.ms", "500", "max.compaction.lag.ms", "1000")),
          new NewTopic("clicks", 1, (short) 1).configs(Map.of(
              "segment.bytes", "1048576", "retention.bytes", "2097152")))).all().get();
    }
    String[] codecs = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (int part = 0; part < codecs.length; part++) orders(bootstrap, codecs[part], part * ORDERS / 5, (part + 1) * ORDERS / 5);
    System.out.println(ORDERS + " orders, 3 partitions, written with " + String.join(", ", codecs));
    payments(bootstrap);
    System.out.println(PAYMENTS + " payments in transactions of 50, every fourth aborted");
    customers(bootstrap);
    clicks(bootstrap);
    System.out.println(CLICKS + " clicks, of which retention keeps the newest");
    read(bootstrap, "billing", Map.of("orders", 0.35, "payments", 0.5));
    read(bootstrap, "shipping", Map.of("orders", 0.8));
    read(bootstrap, "fraud-check", Map.of("payments", 0.97));
    read(bootstrap, "crm", Map.of("customers", 0.6));
    read(bootstrap, "analytics", Map.of("orders", 1.0, "clicks", 0.9, "payments", 0.1));
    System.out.println("5 groups have read to different places and committed");
    waitForCleaner(bootstrap);
  }

  private static KafkaProducer<String, String> producer(String bootstrap, String codec, String transactionalId) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("compression.type", codec);
    settings.put("linger.ms", "5");
    if (transactionalId != null) settings.put("transactional.id", transactionalId);
    return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
  }

  private static void orders(String bootstrap, String codec, int from, int to) {
    try (KafkaProducer<String, String> producer = producer(bootstrap, codec, null)) {
      for (int i = from; i < to; i++) {
        ProducerRecord<String, String> order = new ProducerRecord<>("orders", "customer-" + i % CUSTOMERS,
            "{\"order\":" + i + ",\"amount\":" + (i * 37 % 9000) / 100.0 + "}");
        order.headers().add("trace", Integer.toHexString(i).getBytes(StandardCharsets.UTF_8));
        producer.send(order);
      }
    }
  }

  private static void payments(String bootstrap) {
    try (KafkaProducer<String, String> producer = producer(bootstrap, "lz4", "payments-service")) {
      producer.initTransactions();
      for (int first = 0, transaction = 0; first < PAYMENTS; first += 50, transaction++) {
        producer.beginTransaction();
        for (int i = first; i < first + 50; i++) {
          producer.send(new ProducerRecord<>("payments", "order-" + i, "{\"payment\":" + i + ",\"transaction\":" + transaction + "}"));
        }
        producer.flush();
        if (transaction % 4 == 3) producer.abortTransaction();
        else producer.commitTransaction();
      }
    }
  }

  private static void customers(String bootstrap) throws Exception {
    try (KafkaProducer<String, String> producer = producer(bootstrap, "none", null)) {
      for (int round = 0; round < 4; round++) {
        for (int i = 0; i < CUSTOMERS; i += round + 1) {
          producer.send(new ProducerRecord<>("customers", "customer-" + i, "{\"name\":\"Customer " + i + "\",\"version\":" + round + "}"));
        }
        producer.flush();
        Thread.sleep(250);
      }
      producer.send(new ProducerRecord<>("customers", "customer-13", null));
    }
  }

  private static void clicks(String bootstrap) throws Exception {
    String filler = "x".repeat(500);
    try (KafkaProducer<String, String> producer = producer(bootstrap, "none", null)) {
      for (int i = 0; i < CLICKS; i++) producer.send(new ProducerRecord<>("clicks", null, "{\"click\":" + i + ",\"page\":\"" + filler + "\"}"));
    }
  }

  /** Two more customers roll the segment; then the cleaner has work, and retention too. */
  private static void waitForCleaner(String bootstrap) throws Exception {
    long until = System.currentTimeMillis() + 15_000;
    long cleaned = 0;
    long removed = 0;
    while (System.currentTimeMillis() < until && (cleaned == 0 || removed == 0)) {
      try (KafkaProducer<String, String> producer = producer(bootstrap, "none", null)) {
        producer.send(new ProducerRecord<>("customers", "customer-0", "{\"name\":\"Customer 0\",\"version\":9}"));
      }
      Thread.sleep(600);
      try (KafkaConsumer<String, String> consumer = consumer(bootstrap, "demo-probe")) {
        TopicPartition customers = new TopicPartition("customers", 0);
        long records = readAll(consumer, customers).size();
        cleaned = consumer.endOffsets(List.of(customers)).get(customers) - records;
        TopicPartition clicks = new TopicPartition("clicks", 0);
        removed = consumer.beginningOffsets(List.of(clicks)).get(clicks);
      }
    }
    System.out.println("the cleaner has removed " + cleaned + " superseded customers, retention the first " + removed + " clicks");
  }

  private static KafkaConsumer<String, String> consumer(String bootstrap, String group) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", group);
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  private static List<ConsumerRecord<String, String>> readAll(KafkaConsumer<String, String> consumer, TopicPartition partition) {
    consumer.assign(List.of(partition));
    consumer.seekToBeginning(List.of(partition));
    long end = consumer.endOffsets(List.of(partition)).get(partition);
    List<ConsumerRecord<String, String>> all = new ArrayList<>();
    while (consumer.position(partition) < end) consumer.poll(Duration.ofMillis(200)).forEach(all::add);
    return all;
  }

  /** Reads the given share of each partition's records and commits there. */
  private static void read(String bootstrap, String group, Map<String, Double> shares) {
    try (KafkaConsumer<String, String> consumer = consumer(bootstrap, group)) {
      Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
      for (Map.Entry<String, Double> share : shares.entrySet()) {
        for (TopicPartition partition : partitions(consumer, share.getKey())) {
          List<ConsumerRecord<String, String>> all = readAll(consumer, partition);
          int read = (int) (all.size() * share.getValue());
          long position = read < all.size() ? all.get(read).offset() : consumer.position(partition);
          positions.put(partition, new OffsetAndMetadata(position));
        }
      }
      consumer.commitSync(positions);
    }
  }

  private static List<TopicPartition> partitions(KafkaConsumer<String, String> consumer, String topic) {
    return consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
  }

  private static void next(String bootstrap) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      Collection<String> groups = new TreeSet<>(admin.listGroups().all().get().stream().map(group -> group.groupId()).toList());
      for (String group : groups) {
        Map<TopicPartition, OffsetAndMetadata> positions = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        try (KafkaConsumer<String, String> consumer = consumer(bootstrap, group)) {
          for (TopicPartition partition : positions.keySet().stream()
              .sorted((a, b) -> a.toString().compareTo(b.toString())).toList()) {
            System.out.println(line(group, partition, positions.get(partition).offset(), nextRecord(consumer, partition, positions.get(partition).offset())));
          }
        }
      }
    }
  }

  private static ConsumerRecord<String, String> nextRecord(KafkaConsumer<String, String> consumer, TopicPartition partition, long offset) {
    consumer.assign(List.of(partition));
    consumer.seek(partition, offset);
    long end = consumer.endOffsets(List.of(partition)).get(partition);
    while (consumer.position(partition) < end) {
      List<ConsumerRecord<String, String>> records = consumer.poll(Duration.ofMillis(200)).records(partition);
      if (!records.isEmpty()) return records.get(0);
    }
    return null;
  }

  private static String line(String group, TopicPartition partition, long position, ConsumerRecord<String, String> record) {
    StringBuilder text = new StringBuilder(group + "\t" + partition.topic() + "\t" + partition.partition() + "\t" + position + "\t");
    if (record == null) return text.append("(end of the partition)").toString();
    text.append(record.timestamp()).append(' ').append(record.key()).append(' ').append(record.value());
    for (Header header : record.headers()) text.append(' ').append(header.key()).append('=').append(new String(header.value(), StandardCharsets.UTF_8));
    return text.toString();
  }
}
