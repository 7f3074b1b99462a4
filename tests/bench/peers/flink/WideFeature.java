import com.fasterxml.jackson.databind.JsonNode;
import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** A feature of the workload `wide`: what it is over the positions of its window. */
final class WideFeature implements Serializable {
  private static final Set<String> COUNTS = Set.of("count", "count_distinct", "age_of_first", "age_of_last");
  private static final Set<String> TALLIES = Set.of("count_distinct", "top_k");
  private static final Set<String> AMOUNTS = Set.of("sum", "mean", "variance", "stddev", "min", "max", "first", "last", "first_k", "last_k");
  /** What the sums of all events give, or the last one: the others would keep every event. */
  private static final Set<String> LIFETIME = Set.of("count", "sum", "mean", "variance", "stddev", "last", "age_of_last");
  private static final BigInteger CENTS = BigInteger.valueOf(100), CENTS_SQUARED = BigInteger.valueOf(10_000);

  final String name, op;
  final int scale, k;
  /** Its window, and of a ratio its two operands, by index; -1 for none. */
  int window = -1, numerator = -1, denominator = -1;

  WideFeature(JsonNode json) {
    name = json.get("name").asText();
    op = json.get("op").asText();
    scale = json.path("scale").asInt();
    k = json.path("k").asInt();
  }

  /** Whether there is a way to answer it here; the workload knows no other numbers than amounts. */
  static boolean known(JsonNode json, String other) {
    String op = json.get("op").asText(), field = json.path("field").asText();
    if (json.path("window").asText().equals("lifetime") && !LIFETIME.contains(op)) return false;
    if (TALLIES.contains(op)) return field.equals(other);
    if (AMOUNTS.contains(op)) return field.equals("payload.amount") && json.get("type").asText().equals("decimal(2)");
    return COUNTS.contains(op) || op.equals("ratio");
  }

  boolean tallies() {
    return TALLIES.contains(op);
  }

  boolean extreme() {
    return op.equals("min") || op.equals("max");
  }

  /** Writes the value as canonical JSON has it. */
  void write(StringBuilder out, WideKey key, int index, List<WideFeature> all, long asOfUs) {
    if (op.equals("ratio")) {
      ratio(out, key, all, asOfUs);
      return;
    }
    long start = key.starts[window], end = key.ends[window], n = end - start;
    switch (op) {
      case "count" -> out.append(n);
      case "count_distinct" -> out.append(key.tallies[index].counts.size());
      case "top_k" -> top(out, key.tallies[index]);
      case "sum" -> cents(out, key.sum(end) - key.sum(start));
      case "first_k" -> list(out, key, start, Math.min(start + k, end));
      case "last_k" -> list(out, key, Math.max(start, end - k), end);
      default -> {
        if (n == 0) out.append("null");
        else single(out, key, index, start, end, asOfUs);
      }
    }
  }

  private void single(StringBuilder out, WideKey key, int index, long start, long end, long asOfUs) {
    switch (op) {
      case "first" -> cents(out, key.amount(start));
      case "last" -> cents(out, key.amount(end - 1));
      case "min", "max" -> cents(out, key.amount(key.extremes[index].positions.peekFirst()));
      case "age_of_first" -> out.append(asOfUs - key.time(start));
      case "age_of_last" -> out.append(asOfUs - key.time(end - 1));
      case "mean" -> quotient(out, BigInteger.valueOf(key.sum(end) - key.sum(start)), BigInteger.valueOf(end - start).multiply(CENTS));
      case "variance" -> quotient(out, spread(key, start, end), square(end - start).multiply(CENTS_SQUARED));
      case "stddev" -> root(out, spread(key, start, end), square(end - start).multiply(CENTS_SQUARED));
      default -> throw new IllegalStateException("no such operator: " + op);
    }
  }

  private void ratio(StringBuilder out, WideKey key, List<WideFeature> all, long asOfUs) {
    BigInteger[] over = all.get(numerator).exact(key, numerator, asOfUs), under = all.get(denominator).exact(key, denominator, asOfUs);
    if (over == null || under == null || under[0].signum() == 0) out.append("null");
    else quotient(out, over[0].multiply(under[1]), over[1].multiply(under[0]));
  }

  /** The unrounded value as a fraction; null where there is none. */
  private BigInteger[] exact(WideKey key, int index, long asOfUs) {
    long start = key.starts[window], end = key.ends[window], n = end - start;
    return switch (op) {
      case "count" -> fraction(n, BigInteger.ONE);
      case "count_distinct" -> fraction(key.tallies[index].counts.size(), BigInteger.ONE);
      case "sum" -> fraction(key.sum(end) - key.sum(start), CENTS);
      case "mean" -> n == 0 ? null : fraction(key.sum(end) - key.sum(start), CENTS.multiply(BigInteger.valueOf(n)));
      case "min", "max" -> n == 0 ? null : fraction(key.amount(key.extremes[index].positions.peekFirst()), CENTS);
      case "age_of_first" -> n == 0 ? null : fraction(asOfUs - key.time(start), BigInteger.ONE);
      case "age_of_last" -> n == 0 ? null : fraction(asOfUs - key.time(end - 1), BigInteger.ONE);
      default -> throw new IllegalStateException("no ratio of " + op);
    };
  }

  private static BigInteger[] fraction(long over, BigInteger under) {
    return new BigInteger[] {BigInteger.valueOf(over), under};
  }

  private static BigInteger square(long n) {
    return BigInteger.valueOf(n).multiply(BigInteger.valueOf(n));
  }

  /** n times the sum of squares less the square of the sum: n squared times the variance. */
  private static BigInteger spread(WideKey key, long start, long end) {
    BigInteger sum = BigInteger.valueOf(key.sum(end) - key.sum(start));
    return BigInteger.valueOf(key.squares(end) - key.squares(start)).multiply(BigInteger.valueOf(end - start)).subtract(sum.multiply(sum));
  }

  private void quotient(StringBuilder out, BigInteger over, BigInteger under) {
    out.append('"').append(new BigDecimal(over).divide(new BigDecimal(under), scale, RoundingMode.HALF_EVEN).toPlainString()).append('"');
  }

  /** The square root of a fraction, rounded half-even. */
  private void root(StringBuilder out, BigInteger over, BigInteger under) {
    BigInteger scaled = over.multiply(BigInteger.TEN.pow(2 * scale)), root = scaled.divide(under).sqrt();
    // half way between two neighbours: (root + 1/2) squared
    BigInteger middle = root.shiftLeft(1).add(BigInteger.ONE).pow(2).multiply(under);
    int side = scaled.shiftLeft(2).compareTo(middle);
    if (side > 0 || side == 0 && root.testBit(0)) root = root.add(BigInteger.ONE);
    out.append('"').append(new BigDecimal(root, scale).toPlainString()).append('"');
  }

  private void top(StringBuilder out, WideKey.Tally tally) {
    Iterator<WideKey.Rank> ranks = tally.ranks.iterator();
    out.append('[');
    for (int i = 0; i < k && ranks.hasNext(); i++) {
      WideKey.Rank rank = ranks.next();
      out.append(i == 0 ? "[\"" : ",[\"").append(rank.value).append("\",").append(rank.count).append(']');
    }
    out.append(']');
  }

  private static void list(StringBuilder out, WideKey key, long start, long end) {
    out.append('[');
    for (long position = start; position < end; position++) {
      if (position > start) out.append(',');
      cents(out, key.amount(position));
    }
    out.append(']');
  }

  private static void cents(StringBuilder out, long amount) {
    long size = Math.abs(amount), rest = size % 100;
    out.append(amount < 0 ? "\"-" : "\"").append(size / 100).append(rest < 10 ? ".0" : ".").append(rest).append('"');
  }
}
