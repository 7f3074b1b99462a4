import bench.Event;
import bench.SlidingLog;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.util.Collector;

/** Count and sum of one kind of key over the sliding windows. */
final class Windows extends ByTime<Event> {
  private final int offset;
  private final long lateUs;
  private transient SlidingLog log;
  private transient ValueState<long[]> head;
  private transient MapState<Long, long[]> chunks;

  /** @param offset where in an event's answers those of this key begin */
  Windows(int offset, boolean waits, long lateUs) {
    super(waits);
    this.offset = offset;
    this.lateUs = lateUs;
  }

  @Override
  public void open(OpenContext context) throws Exception {
    super.open(context);
    log = new SlidingLog(lateUs);
    var longs = PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO;
    head = getRuntimeContext().getState(new ValueStateDescriptor<>("head", longs));
    chunks = getRuntimeContext().getMapState(new MapStateDescriptor<>("chunks", Types.LONG, longs));
  }

  @Override
  void answer(String key, List<Event> events, Collector<Event> out) throws Exception {
    long lateBefore = log.late();
    log.begin(head.value(), new StateChunks(chunks));
    for (Event event : events) {
      long timeUs = log.clamp(event.timeUs);
      log.answer(timeUs, event.answers, offset);
      log.add(timeUs, event.cents);
    }
    head.update(log.end());
    late.addAndGet(log.late() - lateBefore);
    for (Event event : events) out.collect(event);
  }

  private record StateChunks(MapState<Long, long[]> state) implements SlidingLog.Chunks {
    @Override
    public long[] get(long number) throws Exception {
      return state.get(number);
    }

    @Override
    public void put(long number, long[] chunk) throws Exception {
      state.put(number, chunk);
    }

    @Override
    public void remove(long number) throws Exception {
      state.remove(number);
    }
  }
}
