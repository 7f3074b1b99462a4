import bench.Event;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.util.Collector;

/** The features of one feature group, keyed by account or by merchant; for the heap backend, which keeps objects. */
final class WideGroup extends ByTime<Event> {
  private final String name;
  private final boolean ofAccount;
  private final ArrayList<WideFeature> features = new ArrayList<>();
  private final WideWindow[] windows;
  private transient ValueState<WideKey> state;

  WideGroup(JsonNode definition, boolean waits) {
    super(waits);
    name = definition.get("feature_group").asText();
    ofAccount = definition.get("key").get("field").asText().equals("payload.account_id");
    String other = ofAccount ? "payload.merchant_id" : "payload.account_id";
    Map<WideWindow, Integer> numbers = new LinkedHashMap<>();
    Map<String, Integer> indexes = new LinkedHashMap<>();
    for (JsonNode json : definition.get("features")) {
      if (!WideFeature.known(json, other)) continue;
      WideFeature feature = new WideFeature(json);
      if (json.has("window")) {
        WideWindow window = WideWindow.of(json.get("window"));
        numbers.putIfAbsent(window, numbers.size());
        feature.window = numbers.get(window);
      } else {
        feature.numerator = indexes.getOrDefault(json.get("of").get(0).asText(), -1);
        feature.denominator = indexes.getOrDefault(json.get("of").get(1).asText(), -1);
        if (feature.numerator < 0 || feature.denominator < 0) continue;
      }
      indexes.put(feature.name, features.size());
      features.add(feature);
    }
    windows = numbers.keySet().toArray(new WideWindow[0]);
  }

  boolean ofAccount() {
    return ofAccount;
  }

  /** The names of the answers, in their order. */
  List<String> columns() {
    return features.stream().map(feature -> name + "." + feature.name).toList();
  }

  @Override
  public void open(OpenContext context) throws Exception {
    super.open(context);
    state = getRuntimeContext().getState(new ValueStateDescriptor<>("key", WideKey.class));
  }

  private WideKey fresh() {
    WideKey key = new WideKey();
    key.starts = new long[windows.length];
    key.ends = new long[windows.length];
    key.chains = new long[windows.length];
    key.tallies = new WideKey.Tally[features.size()];
    key.extremes = new WideKey.Extreme[features.size()];
    for (int i = 0; i < features.size(); i++) {
      if (features.get(i).tallies()) {
        key.tallies[i] = new WideKey.Tally();
        key.tallies[i].ranked = features.get(i).op.equals("top_k");
      }
      if (features.get(i).extreme()) {
        key.extremes[i] = new WideKey.Extreme();
        key.extremes[i].largest = features.get(i).op.equals("max");
      }
    }
    return key;
  }

  @Override
  void answer(String keyId, List<Event> events, Collector<Event> out) throws Exception {
    WideKey key = state.value();
    if (key == null) key = fresh();
    for (Event event : events) {
      key.advance(event.timeUs, windows, features);
      StringBuilder text = new StringBuilder(512).append(event.features);
      for (int i = 0; i < features.size(); i++) {
        if (text.length() > 0) text.append(',');
        features.get(i).write(text, key, i, features, event.timeUs);
      }
      event.features = text.toString();
      key.add(event.timeUs, event.cents, ofAccount ? event.merchant : event.account, windows);
    }
    state.update(key);
    for (Event event : events) out.collect(event);
  }
}
