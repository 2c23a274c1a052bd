import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.FileRecords;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Makes the log segments of this folder with a real broker and Kafka's own producer, and describes them as
 * Kafka's own reader sees them. See README.md.
 */
public class Capture {
    static final byte[] EMPTY = new byte[0];
    static String bootstrap;
    static Path logs;
    static Path out;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("describe")) {
            for (int i = 1; i < args.length; i++) describe(Path.of(args[i]));
            return;
        }
        bootstrap = args[0];
        logs = Path.of(args[1]);
        out = Path.of(args[2]);
        String run = Long.toString(System.nanoTime(), 36);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                String topic = topic(admin, "golden-" + codec + "-" + run, Map.of());
                try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", codec))) {
                    for (ProducerRecord<byte[], byte[]> record : varied(topic)) producer.send(record);
                }
                keep(topic, codec);
            }
            String appended = topic(admin, "golden-append-" + run, Map.of("message.timestamp.type", "LogAppendTime"));
            try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", "lz4"))) {
                for (ProducerRecord<byte[], byte[]> record : varied(appended)) producer.send(record);
            }
            keep(appended, "log-append-time");
            keep(transactions(admin, run), "transactions");
            keep(compacted(admin, run), "compacted");
        }
    }

    static String topic(Admin admin, String name, Map<String, String> configs) throws Exception {
        // The records are old: the topic must not mind.
        Map<String, String> all = new HashMap<>(Map.of("retention.ms", "-1", "segment.ms", "9000000000000"));
        all.putAll(configs);
        admin.createTopics(List.of(new NewTopic(name, 1, (short) 1).configs(all))).all().get();
        return name;
    }

    static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> all = new HashMap<>(more);
        all.put("bootstrap.servers", bootstrap);
        all.putIfAbsent("linger.ms", 3000);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Null and empty fields, repeated headers, times out of order and decades apart, a body that compresses. */
    static List<ProducerRecord<byte[], byte[]>> varied(String topic) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        long[] times = {1700000000000L, 0L, 946684800000L, 1700000000001L, 1L, 1262304000000L};
        byte[][] keys = {null, EMPTY, bytes("key"), bytes("schlüssel"), new byte[] {0, (byte) 0xff, 1}, bytes("k")};
        byte[][] values = {bytes("value"), null, EMPTY, bytes("v".repeat(300)), new byte[] {(byte) 0x80}, bytes("x")};
        for (int i = 0; i < 6; i++) {
            List<Header> headers = new ArrayList<>();
            if (i % 2 == 0) {
                headers.add(new RecordHeader("twice", bytes("first")));
                headers.add(new RecordHeader("", EMPTY));
                headers.add(new RecordHeader("twice", bytes("second")));
                headers.add(new RecordHeader("null", (byte[]) null));
            }
            records.add(new ProducerRecord<>(topic, 0, times[i], keys[i], values[i], headers));
        }
        Random random = new Random(7);
        for (int i = 0; i < 40; i++) {
            byte[] value = new byte[100 + random.nextInt(900)];
            random.nextBytes(value);
            Arrays.fill(value, 0, value.length * 3 / 4, (byte) ('a' + i % 26));
            records.add(new ProducerRecord<>(topic, 0, 1700000000000L + i, bytes("key-" + i), value));
        }
        return records;
    }

    /** Two transactional producers, commits and aborts interleaved, and one without transactions. */
    static String transactions(Admin admin, String run) throws Exception {
        String topic = topic(admin, "golden-transactions-" + run, Map.of());
        KafkaProducer<byte[], byte[]> a = producer(Map.of("transactional.id", "golden-a-" + run, "linger.ms", 0));
        KafkaProducer<byte[], byte[]> b = producer(Map.of("transactional.id", "golden-b-" + run, "linger.ms", 0));
        KafkaProducer<byte[], byte[]> plain = producer(Map.of("linger.ms", 0));
        a.initTransactions();
        b.initTransactions();
        for (int round = 0; round < 4; round++) {
            a.beginTransaction();
            b.beginTransaction();
            for (int i = 0; i < 2; i++) {
                a.send(record(topic, "a" + round + i)).get();
                plain.send(record(topic, "plain" + round + i)).get();
                b.send(record(topic, "b" + round + i)).get();
            }
            if (round % 2 == 0) a.commitTransaction();
            else a.abortTransaction();
            b.send(record(topic, "b" + round + "late")).get();
            if (round < 2) b.abortTransaction();
            else b.commitTransaction();
        }
        a.close();
        b.close();
        plain.close();
        return topic;
    }

    static ProducerRecord<byte[], byte[]> record(String topic, String text) {
        return new ProducerRecord<>(topic, 0, 1700000000000L, bytes(text), bytes("value of " + text));
    }

    /** Waits until the cleaner has been over the topic and has left holes, tombstones and their delete horizon. */
    static String compacted(Admin admin, String run) throws Exception {
        String topic = topic(admin, "golden-compacted-" + run, Map.of(
            "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.01", "segment.ms", "1000",
            "delete.retention.ms", "86400000"));
        long base = System.currentTimeMillis() - 3600_000;
        // Their records are all overwritten: what stays of each is an empty batch, or a marker.
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            producer.send(new ProducerRecord<>(topic, 0, base, bytes("key-1"), bytes("overwritten")));
        }
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", "golden-c-" + run))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, base, bytes("key-2"), bytes("overwritten")));
            producer.commitTransaction();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, base, bytes("key-2"), bytes("aborted")));
            producer.abortTransaction();
        }
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", "lz4"))) {
            for (int i = 0; i < 60; i++) {
                byte[] value = i % 7 == 3 ? null : bytes("value " + i);
                producer.send(new ProducerRecord<>(topic, 0, base + i * 1000L, bytes("key-" + i % 20), value));
                if (i % 12 == 11) producer.flush();
            }
            producer.flush();
            for (int i = 0; i < 60; i++) {
                Thread.sleep(1500);
                producer.send(new ProducerRecord<>(topic, 0, System.currentTimeMillis(), bytes("roll"), bytes("" + i)));
                producer.flush();
                if (withHorizon(topic)) return topic;
            }
        }
        throw new IllegalStateException("the cleaner did not come");
    }

    static boolean withHorizon(String topic) throws Exception {
        for (Path segment : segments(topic)) {
            try (FileRecords records = FileRecords.open(segment.toFile(), false)) {
                for (RecordBatch batch : records.batches()) if (batch.deleteHorizonMs().isPresent()) return true;
            }
        }
        return false;
    }

    static List<Path> segments(String topic) throws Exception {
        try (var files = Files.list(logs.resolve(topic + "-0"))) {
            return files.filter(file -> file.toString().endsWith(".log")).sorted().toList();
        }
    }

    /** Copies all segments of the topic's partition, one after the other, and describes them. */
    static void keep(String topic, String name) throws Exception {
        Path target = out.resolve(name + ".log");
        Files.write(target, EMPTY);
        for (Path segment : segments(topic)) Files.write(target, Files.readAllBytes(segment), StandardOpenOption.APPEND);
        describe(target);
    }

    /** Writes what Kafka's reader makes of a segment as JSON beside it. */
    static void describe(Path file) throws Exception {
        StringBuilder json = new StringBuilder("[\n");
        try (FileRecords log = FileRecords.open(file.toFile(), false)) {
            String between = "";
            for (RecordBatch batch : log.batches()) {
                json.append(between).append(describe(batch));
                between = ",\n";
            }
        }
        String name = file.toString().replaceAll("\\.log$", ".json");
        Files.writeString(Path.of(name), json.append("\n]\n"));
    }

    static String describe(RecordBatch batch) {
        StringBuilder json = new StringBuilder();
        json.append(String.format("{\"baseOffset\":\"%d\",\"lastOffset\":\"%d\",\"size\":%d,\"magic\":%d,\"codec\":\"%s\"",
            batch.baseOffset(), batch.lastOffset(), batch.sizeInBytes(), batch.magic(), batch.compressionType().name));
        json.append(String.format(",\"timestampType\":\"%s\",\"maxTimestamp\":\"%d\"",
            batch.timestampType().name, batch.maxTimestamp()));
        json.append(String.format(",\"transactional\":%b,\"control\":%b,\"leaderEpoch\":%d,\"deleteHorizon\":%s",
            batch.isTransactional(), batch.isControlBatch(), batch.partitionLeaderEpoch(),
            batch.deleteHorizonMs().isPresent() ? "\"" + batch.deleteHorizonMs().getAsLong() + "\"" : "null"));
        json.append(String.format(",\"producerId\":\"%d\",\"producerEpoch\":%d,\"baseSequence\":%d,\"records\":[",
            batch.producerId(), batch.producerEpoch(), batch.baseSequence()));
        String between = "\n";
        for (org.apache.kafka.common.record.Record record : batch) {
            json.append(between).append(String.format("  {\"offset\":\"%d\",\"timestamp\":\"%d\",\"key\":%s,\"value\":%s,\"headers\":[",
                record.offset(), record.timestamp(), base64(record.key()), base64(record.value())));
            String comma = "";
            for (Header header : record.headers()) {
                json.append(comma).append(String.format("[%s,%s]", base64(ByteBuffer.wrap(bytes(header.key()))),
                    base64(header.value() == null ? null : ByteBuffer.wrap(header.value()))));
                comma = ",";
            }
            json.append("]}");
            between = ",\n";
        }
        return json.append("]}").toString();
    }

    static String base64(ByteBuffer bytes) {
        if (bytes == null) return "null";
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return "\"" + Base64.getEncoder().encodeToString(copy) + "\"";
    }
}
