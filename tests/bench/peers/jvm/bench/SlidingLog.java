package bench;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Exact sliding windows of one key: its events in order of time, each with the sum of the amounts before it, so that a
 * window is two positions and the difference of two sums. The log lies in chunks in the peer's keyed state; a head
 * (one value a key) holds the last, open chunk and for each window the position of its start, so that an event in
 * order costs one read and one write, and an older chunk is read only when a window's start moves past one.
 */
public final class SlidingLog {
  /** The peer's keyed state of one key: the full chunks by number. */
  public interface Chunks {
    long[] get(long number) throws Exception;

    void put(long number, long[] chunk) throws Exception;

    void remove(long number) throws Exception;
  }

  private static final long[] SIZES_US = {3_600_000_000L, 86_400_000_000L, 604_800_000_000L};
  private static final int WINDOWS = SIZES_US.length;
  private static final int CHUNK = Integer.getInteger("bench.chunk", 32);
  private static final int HEAD = 4 + 4 * WINDOWS;

  private final long lateUs;
  private final Map<Long, long[]> loaded = new HashMap<>();
  private final Set<Long> changed = new HashSet<>();
  private Chunks chunks;
  private long size, total, kept, newest;
  /** Start of each window: its position, the sum before it, the times of the event before it and of the one at it. */
  private final long[] at = new long[WINDOWS], sum = new long[WINDOWS], below = new long[WINDOWS], above = new long[WINDOWS];
  private long[] open;
  private long late;

  /** @param lateUs how far behind the newest event of a key an event may come, see `clamp` */
  public SlidingLog(long lateUs) {
    this.lateUs = lateUs;
  }

  /** Events that `clamp` has moved, so far. */
  public long late() {
    return late;
  }

  /** Takes up a key: its head, null for a new key, and its chunks. */
  public void begin(long[] head, Chunks chunks) {
    this.chunks = chunks;
    loaded.clear();
    changed.clear();
    open = new long[2 * CHUNK];
    if (head == null) {
      size = total = kept = 0;
      newest = Long.MIN_VALUE;
      Arrays.fill(at, 0);
      Arrays.fill(sum, 0);
      Arrays.fill(below, Long.MIN_VALUE);
      Arrays.fill(above, Long.MAX_VALUE);
      return;
    }
    size = head[0];
    total = head[1];
    kept = head[2];
    newest = head[3];
    for (int w = 0; w < WINDOWS; w++) {
      at[w] = head[4 + 4 * w];
      sum[w] = head[5 + 4 * w];
      below[w] = head[6 + 4 * w];
      above[w] = head[7 + 4 * w];
    }
    System.arraycopy(head, HEAD, open, 0, head.length - HEAD);
  }

  /** Writes the changed chunks, drops those that no window needs, and returns the head to keep. */
  public long[] end() throws Exception {
    for (long number : changed) chunks.put(number, loaded.get(number));
    while ((kept + 1) * CHUNK <= at[WINDOWS - 1] && last(kept) < newest - SIZES_US[WINDOWS - 1] - lateUs) {
      chunks.remove(kept);
      loaded.remove(kept++);
    }
    int tail = 2 * (int) (size % CHUNK);
    long[] head = new long[HEAD + tail];
    head[0] = size;
    head[1] = total;
    head[2] = kept;
    head[3] = newest;
    for (int w = 0; w < WINDOWS; w++) {
      head[4 + 4 * w] = at[w];
      head[5 + 4 * w] = sum[w];
      head[6 + 4 * w] = below[w];
      head[7 + 4 * w] = above[w];
    }
    System.arraycopy(open, 0, head, HEAD, tail);
    return head;
  }

  /**
   * The time to answer and to add an event at: its own, or just after the newest one of the key where the event came
   * later than allowed. Without a bound, each event of a key whose partitions are out of step would rewrite a long part
   * of its log.
   */
  public long clamp(long timeUs) {
    if (size == 0 || timeUs >= newest - lateUs) return timeUs;
    late++;
    return newest + 1;
  }

  /** Writes count and sum of each window `[timeUs - size, timeUs)` to `answers`, from `offset` on. */
  public void answer(long timeUs, long[] answers, int offset) throws Exception {
    long end = timeUs > newest ? size : seek(size, timeUs);
    long endSum = end == size ? total : sumAt(end);
    for (int w = 0; w < WINDOWS; w++) {
      long start = timeUs - SIZES_US[w];
      if (start <= below[w] || start > above[w]) move(w, seek(at[w], start));
      answers[offset + 2 * w] = end - at[w];
      answers[offset + 2 * w + 1] = endSum - sum[w];
    }
  }

  /** Inserts an event where its time belongs: at the end, or near it where it came late. */
  public void add(long timeUs, long cents) throws Exception {
    long position = timeUs >= newest ? size : seek(size, timeUs);
    long carryTime = timeUs, carrySum = position == size ? total : sumAt(position);
    for (long i = position; i < size; i++) {
      long[] chunk = chunk(i / CHUNK);
      if (i / CHUNK < size / CHUNK) changed.add(i / CHUNK);
      int slot = 2 * (int) (i % CHUNK);
      long time = chunk[slot], before = chunk[slot + 1];
      chunk[slot] = carryTime;
      chunk[slot + 1] = carrySum;
      carryTime = time;
      carrySum = before + cents;
    }
    append(carryTime, carrySum);
    total += cents;
    newest = Math.max(newest, timeUs);
    for (int w = 0; w < WINDOWS; w++) {
      if (position < at[w]) {
        at[w]++;
        sum[w] += cents;
      } else if (position == at[w]) above[w] = timeUs;
    }
  }

  private void append(long timeUs, long before) {
    int slot = 2 * (int) (size % CHUNK);
    open[slot] = timeUs;
    open[slot + 1] = before;
    if (++size % CHUNK == 0) {
      long full = size / CHUNK - 1;
      loaded.put(full, open);
      changed.add(full);
      open = new long[2 * CHUNK];
    }
  }

  private void move(int w, long position) throws Exception {
    at[w] = position;
    sum[w] = position == size ? total : sumAt(position);
    below[w] = position > kept * CHUNK ? timeAt(position - 1) : Long.MIN_VALUE;
    above[w] = position < size ? timeAt(position) : Long.MAX_VALUE;
  }

  /** The first position whose event is at `timeUs` or later, looked for from `from` on in both directions. */
  private long seek(long from, long timeUs) throws Exception {
    if (size == kept * CHUNK) return size;
    long number = Math.min(from, size - 1) / CHUNK;
    while (number > kept && chunk(number)[0] >= timeUs) number--;
    while ((number + 1) * CHUNK < size && last(number) < timeUs) number++;
    long[] chunk = chunk(number);
    int low = 0, high = (int) Math.min(CHUNK, size - number * CHUNK);
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (chunk[2 * middle] < timeUs) low = middle + 1;
      else high = middle;
    }
    return number * CHUNK + low;
  }

  private long[] chunk(long number) throws Exception {
    if (number == size / CHUNK) return open;
    long[] chunk = loaded.get(number);
    if (chunk == null) {
      chunk = chunks.get(number);
      loaded.put(number, chunk);
    }
    return chunk;
  }

  private long last(long number) throws Exception {
    return chunk(number)[2 * (CHUNK - 1)];
  }

  private long timeAt(long position) throws Exception {
    return chunk(position / CHUNK)[2 * (int) (position % CHUNK)];
  }

  private long sumAt(long position) throws Exception {
    return chunk(position / CHUNK)[2 * (int) (position % CHUNK) + 1];
  }
}
