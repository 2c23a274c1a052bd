import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.metrics.v1.Metric;
import io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import io.opentelemetry.proto.metrics.v1.ResourceMetrics;
import io.opentelemetry.proto.metrics.v1.ScopeMetrics;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What OpenTelemetry's own classes read in bodies of OTLP requests: FILE…, a line for each data point, its fields by tabs: number of the file,
 * attributes of the resource, scope, name, description, unit, kind (with "monotonic" and the temporality of a sum), start and time in ns, kind of
 * number, number, attributes.
 */
public final class OtlpDecoder {
  public static void main(String[] args) throws Exception {
    for (int file = 0; file < args.length; file++) {
      ExportMetricsServiceRequest request = ExportMetricsServiceRequest.parseFrom(Files.readAllBytes(Path.of(args[file])));
      if (!request.getUnknownFields().asMap().isEmpty()) throw new IllegalStateException("unknown fields: " + args[file]);
      for (ResourceMetrics resource : request.getResourceMetricsList()) {
        for (ScopeMetrics scope : resource.getScopeMetricsList()) {
          for (Metric metric : scope.getMetricsList()) {
            for (NumberDataPoint point : points(metric)) {
              System.out.println(String.join("\t",
                  String.valueOf(file), attributes(resource.getResource().getAttributesList()), scope.getScope().getName(),
                  metric.getName(), metric.getDescription(), metric.getUnit(), kind(metric),
                  Long.toUnsignedString(point.getStartTimeUnixNano()), Long.toUnsignedString(point.getTimeUnixNano()),
                  point.getValueCase().name(), point.hasAsInt() ? String.valueOf(point.getAsInt()) : String.valueOf(point.getAsDouble()),
                  attributes(point.getAttributesList())));
            }
          }
        }
      }
    }
  }

  private static List<NumberDataPoint> points(Metric metric) {
    return switch (metric.getDataCase()) {
      case SUM -> metric.getSum().getDataPointsList();
      case GAUGE -> metric.getGauge().getDataPointsList();
      default -> throw new IllegalStateException(metric.getName() + " is a " + metric.getDataCase());
    };
  }

  private static String kind(Metric metric) {
    if (metric.hasGauge()) return "gauge";
    return "sum " + (metric.getSum().getIsMonotonic() ? "monotonic " : "") + metric.getSum().getAggregationTemporality();
  }

  private static String attributes(List<KeyValue> list) {
    return list.stream().map(one -> one.getKey() + "=" + one.getValue().getStringValue()).sorted().collect(Collectors.joining(","));
  }
}
