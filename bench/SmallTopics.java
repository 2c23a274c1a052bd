import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Makes topics small-0 … small-(N-1) with one partition and three records each. */
public final class SmallTopics {
  public static void main(String[] args) throws Exception {
    int topics = Integer.parseInt(args[1]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      for (int from = 0; from < topics; from += 500) {
        List<NewTopic> some = new ArrayList<>();
        for (int i = from; i < Math.min(topics, from + 500); i++) some.add(new NewTopic("small-" + i, 1, (short) 1));
        admin.createTopics(some).all().get();
      }
    }
    Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "linger.ms", "50");
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int record = 0; record < 3; record++) {
        for (int i = 0; i < topics; i++) producer.send(new ProducerRecord<>("small-" + i, "key-" + record, "value " + record + " of topic " + i));
      }
    }
    Runtime.getRuntime().halt(0);
  }
}
