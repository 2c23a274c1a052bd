import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own Java client behind a line protocol: the neutral writer and reader of the tests. One session serves a whole test file.
 *
 * Requests are lines of tab-separated words, answered by lines and a final "ok" or "error TEXT". Bytes are base64, "-" is null.
 *
 * producer NAME key=value…            opens a producer with these settings
 * send NAME TOPIC PARTITION TIMESTAMP KEY VALUE HEADERKEY:HEADERVALUE…
 * flush NAME | begin NAME | commit NAME | abort NAME | close NAME | init NAME
 * read BOOTSTRAP TOPIC PARTITION FROM MAX ISOLATION    prints offset timestamp type key value headers…
 * commit-offset BOOTSTRAP GROUP TOPIC PARTITION OFFSET METADATA
 * fill NAME TOPIC PARTITIONS FIRST COUNT TIMESTAMP SIZE    "partition-i" as key and beginning of the value, time TIMESTAMP + i
 * send-offset NAME GROUP TOPIC PARTITION OFFSET           commits a position as part of the producer's transaction
 * positions BOOTSTRAP GROUP                               prints topic partition offset metadata
 * group BOOTSTRAP GROUP                                   prints type state members coordinator
 * join NAME BOOTSTRAP GROUP TOPIC PROTOCOL | leave NAME   a live member of a group; protocol classic, consumer or share
 * consume NAME BOOTSTRAP GROUP ISOLATION MOST PAUSE TOPIC…  a member that reads, at most MOST records and then PAUSE ms nothing, and mostly commits; left by "leave"
 * share-offsets BOOTSTRAP GROUP                           prints topic partition start-offset of a share group
 * share-alter BOOTSTRAP GROUP TOPIC PARTITION OFFSET      sets a start offset
 * share-read BOOTSTRAP GROUP TOPIC COUNT                  reads so many records in a share group, and acknowledges them; prints partition offset
 * topics BOOTSTRAP                                        prints their names
 * create BOOTSTRAP TOPIC PARTITIONS|ASSIGNMENT key=value… ASSIGNMENT as 1,2,3;2,3,1
 * delete BOOTSTRAP TOPIC | grow BOOTSTRAP TOPIC PARTITIONS
 * configure BOOTSTRAP TOPIC key=value…                    without a value the setting is removed
 * delete-records BOOTSTRAP TOPIC PARTITION BEFORE
 * partitions BOOTSTRAP TOPIC                              prints partition leader replicas in-sync start end
 * elect BOOTSTRAP TOPIC PARTITION PREFERRED|UNCLEAN
 * reassign BOOTSTRAP TOPIC PARTITION REPLICAS
 * quota BOOTSTRAP key=value…                              of every client; without a value the quota is removed
 * broker NAME FILE | end-broker NAME                      a broker with the properties of a file, formatted before
 * tool MAINCLASS INPUT ARGUMENT…                          runs one of Kafka's tools, all words base64; prints status out err
 */
final class JavaClient implements AutoCloseable {
  private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
  private final Map<String, Member> members = new HashMap<>();
  private final Map<String, Admin> admins = new HashMap<>();
  /** By bootstrap and isolation: opening one costs as much as reading a small topic. */
  private final Map<String, KafkaConsumer<byte[], byte[]>> readers = new HashMap<>();
  /** Started by this session, by name. */
  private final Map<String, TestBroker> brokers = new HashMap<>();
  private final BufferedReader in;
  private final PrintStream out;

  JavaClient(InputStream in, OutputStream out) {
    this.in = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    this.out = new PrintStream(new BufferedOutputStream(out, 1 << 16), false, StandardCharsets.UTF_8);
  }

  /** Answers until nothing more comes. */
  void serve() throws IOException {
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
          case "send-offset" -> producers.get(words[1]).sendOffsetsToTransaction(
              Map.of(new TopicPartition(words[3], Integer.parseInt(words[4])), new OffsetAndMetadata(Long.parseLong(words[5]))), new ConsumerGroupMetadata(words[2]));
          case "fill" -> fill(words);
          case "join" -> join(words);
          case "consume" -> consume(words);
          case "leave" -> members.remove(words[1]).close();
          case "tool" -> tool(words);
          case "broker" -> brokers.put(words[1], TestBroker.start(words[2]));
          case "end-broker" -> brokers.remove(words[1]).end();
          case "share-read" -> shareRead(words);
          case "share-offsets", "share-alter", "positions", "group", "topics", "create", "delete", "grow", "configure", "delete-records", "partitions", "elect", "reassign", "quota" -> {
            administer(admins.computeIfAbsent(words[1], JavaClient::admin), words);
          }
          default -> throw new IllegalArgumentException("unknown request " + words[0]);
        }
        out.println("ok");
      } catch (Exception error) {
        sends.clear();
        out.println("error " + String.valueOf(error).replace('\n', ' '));
      }
      out.flush();
    }
  }

  /** Ends what is still open, without waiting for brokers that may be gone. */
  @Override
  public void close() {
    brokers.values().forEach(TestBroker::end);
    members.values().forEach(Member::abandon);
    producers.values().forEach(producer -> producer.close(Duration.ZERO));
    readers.values().forEach(reader -> reader.close(CloseOptions.timeout(Duration.ZERO)));
    admins.values().forEach(admin -> admin.close(Duration.ZERO));
  }

  private static KafkaProducer<byte[], byte[]> producer(String[] words) {
    Map<String, Object> settings = new HashMap<>(pairs(words, 2));
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private java.util.concurrent.Future<?> send(String[] words) {
    List<Header> headers = new ArrayList<>();
    for (int i = 7; i < words.length; i++) {
      int colon = words[i].indexOf(':');
      headers.add(new RecordHeader(new String(bytes(words[i].substring(0, colon)), StandardCharsets.UTF_8), bytes(words[i].substring(colon + 1))));
    }
    Long timestamp = words[4].equals("-") ? null : Long.valueOf(words[4]);
    Integer partition = words[3].equals("-") ? null : Integer.valueOf(words[3]);
    return producers.get(words[1]).send(new ProducerRecord<>(words[2], partition, timestamp, bytes(words[5]), bytes(words[6]), headers));
  }

  private KafkaConsumer<byte[], byte[]> reader(String bootstrap, String isolation) {
    return readers.computeIfAbsent(bootstrap + ' ' + isolation, name -> {
      Map<String, Object> settings = new LinkedHashMap<>();
      settings.put("bootstrap.servers", bootstrap);
      settings.put("isolation.level", isolation);
      settings.put("enable.auto.commit", "false");
      settings.put("auto.offset.reset", "none");
      settings.put("max.partition.fetch.bytes", "16777216");
      return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    });
  }

  private void read(String[] words) {
    TopicPartition partition = new TopicPartition(words[2], Integer.parseInt(words[3]));
    long most = Long.parseLong(words[5]);
    KafkaConsumer<byte[], byte[]> consumer = reader(words[1], words[6]);
    try {
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
    } catch (RuntimeException error) {
      // Whatever it remembers of the topic is not to be trusted.
      readers.remove(words[1] + ' ' + words[6]).close(CloseOptions.timeout(Duration.ZERO));
      throw error;
    }
    consumer.unsubscribe();
  }

  private void print(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder line = new StringBuilder("r\t").append(record.offset()).append('\t').append(record.timestamp()).append('\t')
        .append(record.timestampType().name).append('\t').append(text(record.key())).append('\t').append(text(record.value()));
    for (Header header : record.headers()) {
      line.append('\t').append(text(header.key().getBytes(StandardCharsets.UTF_8))).append(':').append(text(header.value()));
    }
    out.println(line);
  }

  private void commitOffset(String[] words) throws Exception {
    Admin admin = admins.computeIfAbsent(words[1], JavaClient::admin);
    admin.alterConsumerGroupOffsets(words[2], Map.of(new TopicPartition(words[3], Integer.parseInt(words[4])),
        new OffsetAndMetadata(Long.parseLong(words[5]), Optional.empty(), words[6]))).all().get();
  }

  private void fill(String[] words) throws Exception {
    KafkaProducer<byte[], byte[]> producer = producers.get(words[1]);
    int partitions = Integer.parseInt(words[3]);
    long first = Long.parseLong(words[4]);
    long end = first + Long.parseLong(words[5]);
    int size = Integer.parseInt(words[7]);
    java.util.concurrent.Future<?>[] last = new java.util.concurrent.Future<?>[partitions];
    for (long i = first; i < end; i++) {
      for (int partition = 0; partition < partitions; partition++) {
        String key = partition + "-" + i;
        StringBuilder value = new StringBuilder(size).append(key).append('|');
        for (long mix = i * 31 + partition; value.length() < size; mix = mix * 6364136223846793005L + 1442695040888963407L) value.append((char) ('a' + (mix >>> 33) % 26));
        Long timestamp = words[6].equals("-") ? null : Long.valueOf(Long.parseLong(words[6]) + i);
        last[partition] = producer.send(new ProducerRecord<>(words[2], partition, timestamp, key.getBytes(StandardCharsets.UTF_8), value.toString().getBytes(StandardCharsets.UTF_8)));
      }
    }
    producer.flush();
    for (java.util.concurrent.Future<?> sent : last) if (sent != null) sent.get();
  }

  /** A consumer that polls until it is closed. */
  private static final class Member {
    private final Thread thread;
    private volatile boolean closing;

    Member(Runnable poll, Runnable close) {
      thread = new Thread(() -> {
        while (!closing) poll.run();
        close.run();
      });
      thread.setDaemon(true);
      thread.start();
    }

    void close() throws InterruptedException {
      abandon();
      thread.join();
    }

    void abandon() {
      closing = true;
    }
  }

  private void join(String[] words) throws Exception {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", words[2]);
    settings.put("group.id", words[3]);
    settings.put("client.id", words[1]);
    if (words[5].equals("share")) {
      KafkaShareConsumer<byte[], byte[]> sharing = new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
      sharing.subscribe(List.of(words[4]));
      members.put(words[1], new Member(() -> sharing.poll(Duration.ofMillis(50)), sharing::close));
      return;
    }
    settings.put("enable.auto.commit", "false");
    settings.put("group.protocol", words[5]);
    KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    consumer.subscribe(List.of(words[4]));
    while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(50));
    members.put(words[1], new Member(() -> consumer.poll(Duration.ofMillis(50)), consumer::close));
  }

  /** Goes on through whatever happens to the cluster; what was read and not committed is read again by whoever comes next. */
  private void consume(String[] words) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", words[2]);
    settings.put("group.id", words[3]);
    settings.put("client.id", words[1]);
    settings.put("isolation.level", words[4]);
    settings.put("max.poll.records", words[5]);
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", "false");
    settings.put("fetch.max.bytes", "262144");
    long pause = Long.parseLong(words[6]);
    KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    consumer.subscribe(java.util.Arrays.asList(words).subList(7, words.length));
    java.util.Random dice = new java.util.Random();
    members.put(words[1], new Member(() -> {
      try {
        if (!consumer.poll(Duration.ofMillis(100)).isEmpty() && dice.nextInt(3) > 0) consumer.commitSync(Duration.ofSeconds(20));
        Thread.sleep(pause);
      } catch (RuntimeException | InterruptedException error) {
        // The broker is away, or another generation has begun.
      }
    }, () -> consumer.close(CloseOptions.timeout(Duration.ofSeconds(10)))));
  }

  private void shareRead(String[] words) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", words[1]);
    settings.put("group.id", words[2]);
    settings.put("max.poll.records", "1");
    settings.put("share.acknowledgement.mode", "explicit");
    settings.put("share.acquire.mode", "record_limit");
    try (KafkaShareConsumer<byte[], byte[]> consumer = new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(words[3]));
      for (int left = Integer.parseInt(words[4]); left > 0; ) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          boolean wanted = left-- > 0;
          consumer.acknowledge(record, wanted ? AcknowledgeType.ACCEPT : AcknowledgeType.RELEASE);
          if (wanted) out.println("r\t" + record.partition() + '\t' + record.offset());
        }
        consumer.commitSync();
      }
    }
  }

  private void tool(String[] words) throws Exception {
    String[] arguments = new String[words.length - 3];
    for (int i = 0; i < arguments.length; i++) arguments[i] = new String(bytes(words[i + 3]), StandardCharsets.UTF_8);
    KafkaTool.Result result = KafkaTool.run(words[1], bytes(words[2]), arguments);
    out.println("r\t" + result.status() + '\t' + text(result.out()) + '\t' + text(result.err()));
  }

  private static Admin admin(String bootstrap) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    return Admin.create(settings);
  }

  private void administer(Admin admin, String[] words) throws Exception {
    switch (words[0]) {
      case "positions" -> admin.listConsumerGroupOffsets(words[2]).partitionsToOffsetAndMetadata().get().forEach((partition, offset) -> {
        if (offset != null) out.println("r\t" + partition.topic() + '\t' + partition.partition() + '\t' + offset.offset() + '\t' + offset.metadata());
      });
      case "share-offsets" -> admin.listShareGroupOffsets(Map.of(words[2], new ListShareGroupOffsetsSpec())).partitionsToOffsetInfo(words[2]).get().forEach((partition, info) -> {
        if (info != null && info.startOffset() >= 0) out.println("r\t" + partition.topic() + '\t' + partition.partition() + '\t' + info.startOffset());
      });
      case "share-alter" -> admin.alterShareGroupOffsets(words[2], Map.of(new TopicPartition(words[3], Integer.parseInt(words[4])), Long.valueOf(words[5]))).all().get();
      case "group" -> {
        ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(words[2])).describedGroups().get(words[2]).get();
        out.println("r\t" + group.type().toString().toLowerCase() + '\t' + group.groupState() + '\t' + group.members().size() + '\t' + group.coordinator().id());
      }
      case "topics" -> admin.listTopics().names().get().stream().sorted().forEach(name -> out.println("r\t" + name));
      case "create" -> {
        NewTopic topic = words[3].matches("\\d+") ? new NewTopic(words[2], Optional.of(Integer.parseInt(words[3])), Optional.empty()) : new NewTopic(words[2], assignment(words[3]));
        admin.createTopics(List.of(topic.configs(pairs(words, 4)))).all().get();
      }
      case "delete" -> admin.deleteTopics(List.of(words[2])).all().get();
      case "grow" -> admin.createPartitions(Map.of(words[2], NewPartitions.increaseTo(Integer.parseInt(words[3])))).all().get();
      case "configure" -> {
        Collection<AlterConfigOp> changes = new ArrayList<>();
        pairs(words, 3).forEach((name, value) -> changes.add(new AlterConfigOp(new ConfigEntry(name, value), value.isEmpty() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET)));
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, words[2]), changes)).all().get();
      }
      case "delete-records" -> admin.deleteRecords(Map.of(partition(words), RecordsToDelete.beforeOffset(Long.parseLong(words[4])))).all().get();
      case "partitions" -> partitions(admin, words[2]);
      case "elect" -> admin.electLeaders(ElectionType.valueOf(words[4]), Set.of(partition(words))).partitions().get().forEach((partition, error) -> {
        if (error.isPresent() && !(error.get() instanceof org.apache.kafka.common.errors.ElectionNotNeededException)) throw new IllegalStateException(error.get());
      });
      case "reassign" -> admin.alterPartitionReassignments(Map.of(partition(words), Optional.of(new NewPartitionReassignment(integers(words[4]))))).all().get();
      default -> {
        Collection<ClientQuotaAlteration.Op> changes = new ArrayList<>();
        pairs(words, 2).forEach((name, value) -> changes.add(new ClientQuotaAlteration.Op(name, value.isEmpty() ? null : Double.valueOf(value))));
        Map<String, String> everyClient = new HashMap<>();
        everyClient.put(ClientQuotaEntity.CLIENT_ID, null);
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(new ClientQuotaEntity(everyClient), changes))).all().get();
      }
    }
  }

  private void partitions(Admin admin, String topic) throws Exception {
    for (TopicPartitionInfo info : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
      TopicPartition partition = new TopicPartition(topic, info.partition());
      boolean led = info.leader() != null;
      long start = led ? admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset() : -1;
      long end = led ? admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset() : -1;
      out.println("r\t" + info.partition() + '\t' + (led ? info.leader().id() : -1) + '\t' + ids(info.replicas()) + '\t' + ids(info.isr()) + '\t' + start + '\t' + end);
    }
  }

  private static String ids(List<org.apache.kafka.common.Node> nodes) {
    return String.join(",", nodes.stream().map(node -> String.valueOf(node.id())).toList());
  }

  private static TopicPartition partition(String[] words) {
    return new TopicPartition(words[2], Integer.parseInt(words[3]));
  }

  private static Map<Integer, List<Integer>> assignment(String text) {
    Map<Integer, List<Integer>> assignment = new HashMap<>();
    for (String replicas : text.split(";")) assignment.put(assignment.size(), integers(replicas));
    return assignment;
  }

  private static List<Integer> integers(String text) {
    return java.util.Arrays.stream(text.split(",")).map(Integer::valueOf).toList();
  }

  private static Map<String, String> pairs(String[] words, int from) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (int i = from; i < words.length; i++) {
      int equals = words[i].indexOf('=');
      pairs.put(words[i].substring(0, equals), words[i].substring(equals + 1));
    }
    return pairs;
  }

  private static byte[] bytes(String word) {
    return word.equals("-") ? null : Base64.getDecoder().decode(word);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }
}
