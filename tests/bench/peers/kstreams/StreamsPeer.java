import bench.Event;
import bench.SlidingLog;
import bench.Spec;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;

/** Kafka Streams: windows of the account, repartition, windows of the merchant, answer; Processor API. */
public final class StreamsPeer {
  private static final int PARTITIONS = 4;
  private static final AtomicLong firstNanos = new AtomicLong(), answered = new AtomicLong(), late = new AtomicLong();
  private static final CountDownLatch done = new CountDownLatch(1);

  private static final Serde<Event> ENVELOPE = serde(event -> {
    throw new UnsupportedOperationException("events are only read");
  }, Event::parse);
  private static final Serde<Event> BINARY = serde(event -> {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(192);
    event.write(new DataOutputStream(bytes));
    return bytes.toByteArray();
  }, bytes -> Event.read(new DataInputStream(new ByteArrayInputStream(bytes))));
  private static final Serde<Event> ANSWER = serde(Event::answer, bytes -> {
    throw new UnsupportedOperationException("answers are only written");
  });
  private static final Serde<long[]> LONGS = serde(longs -> {
    ByteBuffer bytes = ByteBuffer.allocate(longs.length * Long.BYTES);
    bytes.asLongBuffer().put(longs);
    return bytes.array();
  }, bytes -> {
    long[] longs = new long[bytes.length / Long.BYTES];
    ByteBuffer.wrap(bytes).asLongBuffer().get(longs);
    return longs;
  });

  private interface Conversion<A, B> {
    B of(A value) throws IOException;
  }

  private static <T> Serde<T> serde(Conversion<T, byte[]> write, Conversion<byte[], T> read) {
    return Serdes.serdeFrom((topic, value) -> apply(write, value), (topic, bytes) -> apply(read, bytes));
  }

  private static <A, B> B apply(Conversion<A, B> conversion, A value) {
    try {
      return value == null ? null : conversion.of(value);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** Answers one kind of key from two stores: heads by key, chunks by key and number. */
  private static final class Windows implements Processor<String, Event, String, Event> {
    private final Spec spec;
    private final String name;
    private final boolean last;
    private final SlidingLog log;
    private ProcessorContext<String, Event> context;
    private KeyValueStore<String, long[]> heads;
    private KeyValueStore<Bytes, long[]> chunks;

    Windows(Spec spec, String name, boolean last) {
      this.spec = spec;
      this.name = name;
      this.last = last;
      log = new SlidingLog(spec.lateUs);
    }

    @Override
    public void init(ProcessorContext<String, Event> context) {
      this.context = context;
      heads = context.getStateStore(name + "-heads");
      chunks = context.getStateStore(name + "-chunks");
    }

    @Override
    public void process(Record<String, Event> record) {
      if (!last && beyondEnd()) return;
      Event event = record.value();
      long lateBefore = log.late();
      try {
        log.begin(heads.get(record.key()), new StoredChunks(chunks, record.key()));
        long timeUs = log.clamp(event.timeUs);
        log.answer(timeUs, event.answers, last ? Event.ANSWERS / 2 : 0);
        log.add(timeUs, event.cents);
        heads.put(record.key(), log.end());
      } catch (Exception error) {
        throw new IllegalStateException("the windows of " + name + " " + record.key(), error);
      }
      late.addAndGet(log.late() - lateBefore);
      context.forward(record);
      if (last && answered.incrementAndGet() == spec.events) done.countDown();
    }

    private boolean beyondEnd() {
      if (firstNanos.get() == 0) firstNanos.compareAndSet(0, System.nanoTime());
      var at = context.recordMetadata().orElseThrow();
      return at.offset() >= spec.partitions[at.partition()];
    }
  }

  private record StoredChunks(KeyValueStore<Bytes, long[]> store, String key) implements SlidingLog.Chunks {
    private Bytes at(long number) {
      byte[] name = key.getBytes(StandardCharsets.UTF_8);
      return Bytes.wrap(ByteBuffer.allocate(name.length + 9).put(name).put((byte) 0).putLong(number).array());
    }

    @Override
    public long[] get(long number) {
      return store.get(at(number));
    }

    @Override
    public void put(long number, long[] chunk) {
      store.put(at(number), chunk);
    }

    @Override
    public void remove(long number) {
      store.delete(at(number));
    }
  }

  private static ProcessorSupplier<String, Event, String, Event> windows(Spec spec, String name, boolean last) {
    return new ProcessorSupplier<>() {
      @Override
      public Processor<String, Event, String, Event> get() {
        return new Windows(spec, name, last);
      }

      @Override
      public Set<StoreBuilder<?>> stores() {
        return Set.of(
            Stores.keyValueStoreBuilder(store(spec, name + "-heads"), Serdes.String(), LONGS).withCachingEnabled(),
            Stores.keyValueStoreBuilder(store(spec, name + "-chunks"), Serdes.Bytes(), LONGS).withCachingEnabled());
      }
    };
  }

  private static KeyValueBytesStoreSupplier store(Spec spec, String name) {
    return spec.mode.equals("rocksdb") ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name);
  }

  /** One block cache for all stores, larger write buffers, Bloom filters. */
  public static final class RocksSettings implements RocksDBConfigSetter {
    static {
      RocksDB.loadLibrary();
    }

    private static final LRUCache CACHE = new LRUCache(128L << 20);

    @Override
    public void setConfig(String store, Options options, Map<String, Object> configs) {
      BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
      table.setBlockCache(CACHE);
      table.setFilterPolicy(new BloomFilter(10));
      options.setTableFormatConfig(table);
      options.setWriteBufferSize(32L << 20);
    }

    @Override
    public void close(String store, Options options) {}
  }

  private static Topology topology(Spec spec) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(spec.topic, Consumed.with(Serdes.String(), ENVELOPE)
            .withTimestampExtractor((record, before) -> ((Event) record.value()).timeUs / 1000))
        .process(windows(spec, "account", false))
        .selectKey((key, event) -> event.merchant)
        .repartition(Repartitioned.with(Serdes.String(), BINARY).withNumberOfPartitions(PARTITIONS).withName("merchant"))
        .process(windows(spec, "merchant", true))
        .to(spec.out, Produced.with(Serdes.String(), ANSWER));
    return builder.build();
  }

  private static Properties settings(Spec spec, String application) {
    Properties settings = new Properties();
    settings.put("application.id", application);
    settings.put("bootstrap.servers", spec.bootstrap);
    settings.put("num.stream.threads", spec.threads);
    settings.put("state.dir", spec.work);
    settings.put("statestore.cache.max.bytes", 256L << 20);
    settings.put("rocksdb.config.setter", RocksSettings.class.getName());
    settings.put("consumer.auto.offset.reset", "earliest");
    settings.put("consumer.max.poll.records", 5000);
    settings.put("producer.compression.type", "lz4");
    settings.put("producer.batch.size", 131_072);
    settings.put("producer.linger.ms", 50);
    return settings;
  }

  /** The repartition and changelog topics of the run. */
  private static void deleteTopics(Spec spec, String application) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", spec.bootstrap))) {
      admin.deleteTopics(admin.listTopics().names().get().stream().filter(name -> name.startsWith(application)).toList()).all().get();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Spec spec = Spec.start(arguments[0], workload -> "rocksdb");
    if (!Set.of("rocksdb", "memory").contains(spec.mode)) Spec.fail("no such mode: " + spec.mode);
    if (spec.workload.equals("wide")) Spec.fail("no program for the workload " + spec.workload);
    // of this run alone: the group of a run before has committed offsets
    String application = "bench-kstreams-" + UUID.randomUUID();
    KafkaStreams streams = new KafkaStreams(topology(spec), settings(spec, application));
    streams.setUncaughtExceptionHandler(error -> {
      Spec.fail(error);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    done.await();
    // flushes the outputs and commits
    if (!streams.close(Duration.ofSeconds(60))) Spec.fail("Kafka Streams did not close within 60 s");
    long nanos = System.nanoTime() - firstNanos.get();
    deleteTopics(spec, application);
    Spec.result(answered.get(), nanos, late.get(), AppInfoParser.getVersion(), "");
    System.exit(0);
  }
}
