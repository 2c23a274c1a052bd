import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

/** MirrorMaker 2's own translation of a group's positions: BOOTSTRAP ALIAS GROUP, prints topic partition offset metadata. */
public final class MirrorOffsets {
  public static void main(String[] args) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> found =
        RemoteClusterUtils.translateOffsets(Map.of("bootstrap.servers", args[0]), args[1], args[2], Duration.ofSeconds(60));
    found.forEach((place, position) ->
        System.out.println(place.topic() + "\t" + place.partition() + "\t" + position.offset() + "\t" + position.metadata()));
    Runtime.getRuntime().halt(0);
  }
}
