import bench.Event;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Hands a key's events on in order of event time: they wait in buckets of some milliseconds, with one timer a bucket,
 * until the watermark says that none is missing. Or, without waiting, in the order in which they come.
 */
abstract class ByTime<T> extends KeyedProcessFunction<String, Event, T> {
  static final AtomicLong late = new AtomicLong();
  private static final long BUCKET_MS = Long.getLong("bench.bucket", 50);

  private static final Comparator<Event> ORDER =
      Comparator.<Event>comparingLong(event -> event.timeUs).thenComparingLong(event -> event.position);

  private final boolean waits;
  private transient MapState<Long, List<Event>> waiting;

  ByTime(boolean waits) {
    this.waits = waits;
  }

  /** Answers a key's events, which lie in order of time; equal times lie in one call where the function waits. */
  abstract void answer(String key, List<Event> events, Collector<T> out) throws Exception;

  @Override
  public void open(OpenContext context) throws Exception {
    waiting = getRuntimeContext().getMapState(
        new MapStateDescriptor<>("waiting", Types.LONG, Types.LIST(EventType.EVENT)));
  }

  @Override
  public void processElement(Event event, Context context, Collector<T> out) throws Exception {
    if (!waits) {
      answer(context.getCurrentKey(), List.of(event), out);
      return;
    }
    long bucket = event.timeUs / 1000 / BUCKET_MS;
    long complete = bucket * BUCKET_MS + BUCKET_MS - 1;
    if (complete <= context.timerService().currentWatermark()) late.incrementAndGet();
    List<Event> events = waiting.get(bucket);
    if (events == null) events = new ArrayList<>(2);
    events.add(event);
    waiting.put(bucket, events);
    context.timerService().registerEventTimeTimer(complete);
  }

  @Override
  public void onTimer(long ms, OnTimerContext context, Collector<T> out) throws Exception {
    long bucket = ms / BUCKET_MS;
    List<Event> events = waiting.get(bucket);
    waiting.remove(bucket);
    if (events.size() > 1) events.sort(ORDER);
    answer(context.getCurrentKey(), events, out);
  }
}
