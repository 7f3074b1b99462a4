import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.TreeSet;

/**
 * The state of one key: its events in order of time with the sums before each, the positions of each window, and what
 * moves with the windows. Positions count all events that the key ever had; those that no window needs are dropped.
 * As-of never goes back, so every start and end moves forward only.
 */
public final class WideKey {
  /** How often each value occurs in a window; ranked where the most frequent are asked. */
  public static final class Tally {
    HashMap<String, Integer> counts = new HashMap<>();
    TreeSet<Rank> ranks = new TreeSet<>();
    boolean ranked;
    long start, end;

    void change(String value, int by) {
      int before = counts.getOrDefault(value, 0), after = before + by;
      if (after == 0) counts.remove(value);
      else counts.put(value, after);
      if (!ranked) return;
      if (before > 0) ranks.remove(new Rank(before, value));
      if (after > 0) ranks.add(new Rank(after, value));
    }
  }

  /** Largest count first, ties by ascending value. */
  public static final class Rank implements Comparable<Rank> {
    int count;
    String value;

    public Rank() {}

    Rank(int count, String value) {
      this.count = count;
      this.value = value;
    }

    @Override
    public int compareTo(Rank other) {
      return count != other.count ? Integer.compare(other.count, count) : value.compareTo(other.value);
    }
  }

  /** The positions that can still become the smallest (or largest) of a window, the one that is in front. */
  public static final class Extreme {
    ArrayDeque<Long> positions = new ArrayDeque<>();
    boolean largest;
    long end;

    boolean hides(long later, long earlier) {
      return largest ? later >= earlier : later <= earlier;
    }
  }

  private static final int KEEP = 64;

  long dropped, next, totalCents, totalSquares;
  long[] times = new long[4], cents = new long[4], sums = new long[4], squares = new long[4];
  String[] others = new String[4];
  /** For each window: start, end, and of a session where the chain of the last event begins. */
  long[] starts, ends, chains;
  Tally[] tallies;
  Extreme[] extremes;

  void add(long timeUs, long amount, String other, WideWindow[] windows) {
    for (int w = 0; w < windows.length; w++) {
      boolean session = windows[w].kind() == WideWindow.Kind.SESSION;
      if (session && (next == 0 || timeUs - time(next - 1) > windows[w].stepUs())) chains[w] = next;
    }
    if (next - dropped == times.length) {
      int length = 2 * times.length;
      times = Arrays.copyOf(times, length);
      cents = Arrays.copyOf(cents, length);
      sums = Arrays.copyOf(sums, length);
      squares = Arrays.copyOf(squares, length);
      others = Arrays.copyOf(others, length);
    }
    int slot = (int) (next++ - dropped);
    times[slot] = timeUs;
    cents[slot] = amount;
    sums[slot] = totalCents;
    squares[slot] = totalSquares;
    others[slot] = other;
    totalCents = Math.addExact(totalCents, amount);
    totalSquares = Math.addExact(totalSquares, Math.multiplyExact(amount, amount));
  }

  /** Moves the windows to `asOfUs`, and with them the tallies and extremes of the features. */
  void advance(long asOfUs, WideWindow[] windows, List<WideFeature> features) {
    long limit = next;
    for (int w = 0; w < windows.length; w++) {
      WideWindow window = windows[w];
      ends[w] = passed(ends[w], window.endUs(asOfUs));
      limit = Math.min(limit, Math.max(ends[w] - 1, 0));
      if (window.kind() == WideWindow.Kind.LIFETIME) continue;
      starts[w] = passed(starts[w], window.startUs(asOfUs));
      if (window.kind() == WideWindow.Kind.SESSION) {
        boolean reaches = ends[w] > 0 && asOfUs - time(ends[w] - 1) <= window.stepUs();
        starts[w] = reaches ? Math.max(starts[w], chains[w]) : ends[w];
      }
      limit = Math.min(limit, starts[w]);
    }
    for (int i = 0; i < features.size(); i++) {
      int w = features.get(i).window;
      if (tallies[i] != null) move(tallies[i], starts[w], ends[w]);
      if (extremes[i] != null) move(extremes[i], starts[w], ends[w]);
    }
    if (limit - dropped > KEEP && limit - dropped > (next - dropped) / 2) drop(limit);
  }

  private long passed(long position, long timeUs) {
    while (position < next && time(position) < timeUs) position++;
    return position;
  }

  private void move(Tally tally, long start, long end) {
    for (; tally.end < end; tally.end++) tally.change(other(tally.end), 1);
    for (; tally.start < start; tally.start++) tally.change(other(tally.start), -1);
  }

  private void move(Extreme extreme, long start, long end) {
    ArrayDeque<Long> positions = extreme.positions;
    for (; extreme.end < end; extreme.end++) {
      long amount = amount(extreme.end);
      while (!positions.isEmpty() && extreme.hides(amount, amount(positions.peekLast()))) positions.pollLast();
      positions.addLast(extreme.end);
    }
    while (!positions.isEmpty() && positions.peekFirst() < start) positions.pollFirst();
  }

  private void drop(long limit) {
    int from = (int) (limit - dropped), to = (int) (next - dropped);
    times = Arrays.copyOfRange(times, from, to + 1);
    cents = Arrays.copyOfRange(cents, from, to + 1);
    sums = Arrays.copyOfRange(sums, from, to + 1);
    squares = Arrays.copyOfRange(squares, from, to + 1);
    others = Arrays.copyOfRange(others, from, to + 1);
    dropped = limit;
  }

  long time(long position) {
    return times[(int) (position - dropped)];
  }

  long amount(long position) {
    return cents[(int) (position - dropped)];
  }

  String other(long position) {
    return others[(int) (position - dropped)];
  }

  /** Sum of the amounts before a position. */
  long sum(long position) {
    return position == 0 ? 0 : position == next ? totalCents : sums[(int) (position - dropped)];
  }

  /** Sum of the squares of the amounts before a position. */
  long squares(long position) {
    return position == 0 ? 0 : position == next ? totalSquares : squares[(int) (position - dropped)];
  }
}
