import bench.Event;
import bench.Spec;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Flink, DataStream: features of the account, then of the merchant, one answer an event. */
public final class FlinkPeer {
  private static final List<String> MODES = List.of("rocksdb", "heap", "rocksdb-arrival", "heap-arrival");
  private static final KeySelector<Event, String> ACCOUNT = event -> event.account, MERCHANT = event -> event.merchant;
  private static final AtomicLong firstNanos = new AtomicLong(), answered = new AtomicLong();

  private static final class Envelopes implements KafkaRecordDeserializationSchema<Event> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) throws IOException {
      if (firstNanos.get() == 0) firstNanos.compareAndSet(0, System.nanoTime());
      out.collect(Event.parse(record.value(), record.partition(), record.offset()));
    }

    @Override
    public TypeInformation<Event> getProducedType() {
      return EventType.EVENT;
    }
  }

  private static final class Answers implements SerializationSchema<Event> {
    private final boolean wide;

    Answers(boolean wide) {
      this.wide = wide;
    }

    @Override
    public byte[] serialize(Event event) {
      answered.incrementAndGet();
      return wide ? event.wideAnswer() : event.answer();
    }
  }

  private static Configuration settings(Spec spec) {
    return Configuration.fromMap(Map.ofEntries(
        Map.entry("state.backend.type", spec.mode.startsWith("rocksdb") ? "rocksdb" : "hashmap"),
        Map.entry("state.backend.rocksdb.timer-service.factory", "HEAP"),
        Map.entry("taskmanager.memory.managed.size", "1g"),
        Map.entry("taskmanager.memory.network.min", "128m"),
        Map.entry("taskmanager.memory.network.max", "128m"),
        Map.entry("execution.checkpointing.incremental", "true"),
        Map.entry("execution.checkpointing.dir", "file://" + spec.work + "/checkpoints"),
        // the job ends when its input has: no last checkpoint is awaited, the sink flushes at the end of its input
        Map.entry("execution.checkpointing.checkpoints-after-tasks-finish", "false"),
        // a failure ends the run with its cause; the default starts the job again for ever
        Map.entry("restart-strategy.type", "none"),
        Map.entry("pipeline.object-reuse", "true"),
        Map.entry("io.tmp.dirs", spec.work)));
  }

  private static KafkaSource<Event> source(Spec spec) {
    Map<TopicPartition, Long> ends = new HashMap<>();
    for (int p = 0; p < spec.partitions.length; p++) ends.put(new TopicPartition(spec.topic, p), spec.partitions[p]);
    return KafkaSource.<Event>builder()
        .setBootstrapServers(spec.bootstrap)
        .setTopics(spec.topic)
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.offsets(ends))
        .setProperty("max.poll.records", "5000")
        .setDeserializer(new Envelopes())
        .build();
  }

  private static <T> KafkaSink<T> sink(Spec spec, SerializationSchema<T> answers) {
    return KafkaSink.<T>builder()
        .setBootstrapServers(spec.bootstrap)
        .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .setProperty("compression.type", "lz4")
        .setProperty("linger.ms", "50")
        .setProperty("batch.size", "131072")
        .setRecordSerializer(
            KafkaRecordSerializationSchema.builder().setTopic(spec.out).setValueSerializationSchema(answers).build())
        .build();
  }

  private static WatermarkStrategy<Event> watermarks(Spec spec, boolean waits) {
    if (!waits) return WatermarkStrategy.noWatermarks();
    // whole milliseconds, rounded up
    return WatermarkStrategy.<Event>forBoundedOutOfOrderness(Duration.ofMillis(spec.lateUs / 1000 + 2))
        .withTimestampAssigner((event, before) -> event.timeUs / 1000);
  }

  private static void run(Spec spec) throws Exception {
    boolean waits = !spec.mode.endsWith("-arrival");
    StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(spec.threads, settings(spec));
    env.enableCheckpointing(10_000, CheckpointingMode.AT_LEAST_ONCE);
    DataStream<Event> events = env.fromSource(source(spec), watermarks(spec, waits), "events", EventType.EVENT);
    String members = spec.workload.equals("wide") ? wide(spec, events, waits) : windows(spec, events, waits);
    env.execute("bench");
    long nanos = System.nanoTime() - firstNanos.get();
    if (answered.get() != spec.events) Spec.fail("answered " + answered.get() + " of " + spec.events + " events");
    Spec.result(answered.get(), nanos, ByTime.late.get(), EnvironmentInformation.getVersion(), members);
  }

  private static String windows(Spec spec, DataStream<Event> events, boolean waits) {
    events
        .keyBy(ACCOUNT)
        .process(new Windows(0, waits, spec.lateUs), EventType.EVENT)
        .keyBy(MERCHANT)
        .process(new Windows(Event.ANSWERS / 2, waits, spec.lateUs), EventType.EVENT)
        .sinkTo(sink(spec, new Answers(false)));
    return "";
  }

  private static String wide(Spec spec, DataStream<Event> events, boolean waits) throws IOException {
    // state as objects: RocksDB would write and read a key's whole state for each event
    if (spec.mode.startsWith("rocksdb")) Spec.fail("the workload wide runs in the modes heap and heap-arrival");
    List<String> columns = new ArrayList<>();
    for (JsonNode definition : spec.json.get("groups")) {
      WideGroup group = new WideGroup(definition, waits);
      columns.addAll(group.columns());
      events = events.keyBy(group.ofAccount() ? ACCOUNT : MERCHANT).process(group, EventType.EVENT);
    }
    events.sinkTo(sink(spec, new Answers(true)));
    return "\"columns\": " + new ObjectMapper().writeValueAsString(columns);
  }

  public static void main(String[] arguments) throws Exception {
    Spec spec = Spec.start(arguments[0], workload -> workload.equals("wide") ? "heap" : "rocksdb");
    if (!MODES.contains(spec.mode)) Spec.fail("no such mode: " + spec.mode);
    try {
      run(spec);
    } catch (Throwable error) {
      Spec.fail(error);
    }
    System.exit(0);
  }
}
