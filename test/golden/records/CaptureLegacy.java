import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.*;

/** Makes message sets of formats 0 and 1 with Kafka's own writer (the last that has one is Kafka 3.9's). See README.md. */
public class CaptureLegacy {
    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static Compression compression(String codec) {
        return switch (codec) {
            case "gzip" -> Compression.gzip().build();
            case "snappy" -> Compression.snappy().build();
            case "lz4" -> Compression.lz4().build();
            default -> Compression.NONE;
        };
    }

    public static void main(String[] args) throws Exception {
        for (byte magic = 0; magic < 2; magic++) {
            for (String codec : new String[] {"none", "gzip", "snappy", "lz4"}) {
                for (TimestampType type : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
                    if (magic == 0 && type == TimestampType.LOG_APPEND_TIME) continue;
                    String name = "legacy-v" + magic + "-" + codec + (type == TimestampType.CREATE_TIME ? "" : "-append");
                    Files.write(Path.of(args[0], name + ".log"), sets(magic, compression(codec), type));
                }
            }
        }
    }

    /** Two sets, the second with holes as the cleaner leaves them, and a gap between. */
    static byte[] sets(byte magic, Compression compression, TimestampType type) {
        ByteBuffer all = ByteBuffer.allocate(64 * 1024);
        long[][] offsets = {{100, 101, 102, 103, 104}, {200, 203, 204, 219}};
        for (long[] set : offsets) {
            TimestampType used = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : type;
            MemoryRecordsBuilder builder = MemoryRecords.builder(
                ByteBuffer.allocate(16 * 1024), magic, compression, used, set[0], 1500000000999L);
            for (long offset : set) {
                byte[] key = offset % 3 == 0 ? null : offset % 5 == 0 ? new byte[0] : bytes("key-" + offset);
                byte[] value = offset % 4 == 3 ? null : offset == 200 ? new byte[0] : bytes(("value " + offset).repeat(20));
                long time = magic == 0 ? RecordBatch.NO_TIMESTAMP : 1500000000000L - offset * 86400000L;
                builder.appendWithOffset(offset, time, key, value);
            }
            all.put(builder.build().buffer());
        }
        all.flip();
        byte[] bytes = new byte[all.remaining()];
        all.get(bytes);
        return bytes;
    }
}
